import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { examineHost } from "../../src/upkeep/doctor/examine.ts";
import { examineCgroups, examineNetwork } from "../../src/upkeep/doctor/kernel.ts";
import {
  examineGvisor,
  examineKvm,
  examineMemory,
  examinePrograms,
  examineSystem,
} from "../../src/upkeep/doctor/machine.ts";
import { examinePort, listenerOn } from "../../src/upkeep/doctor/port.ts";
import { examineServer } from "../../src/upkeep/doctor/server.ts";
import { examinePool } from "../../src/upkeep/doctor/storage.ts";
import { findPlace, readEnvironmentFile } from "../../src/upkeep/place.ts";
import { temporaryFolder } from "../folder.ts";

const GIB = 1024 ** 3;

describe("doctor", () => {
  it("knows a KVM that is there from one that works", () => {
    const facts = { hasDevice: true, canVirtualise: true, probed: undefined };
    expect(examineKvm({ ...facts, probed: { works: true, reason: "a guest booted on it" } }).verdict).toBe("ok");
    expect(examineKvm(facts)).toMatchObject({ verdict: "note", says: expect.stringContaining("no guest was booted") });
    expect(examineKvm({ ...facts, probed: { works: false, reason: "it died" } })).toMatchObject({
      verdict: "note",
      says: expect.stringContaining("it died"),
    });
    expect(examineKvm({ ...facts, hasDevice: false }).fix).toContain("modprobe");
    expect(examineKvm({ ...facts, hasDevice: false, canVirtualise: false }).fix).toContain("firmware");
  });

  it("knows a runsc that is too old from one that will do", () => {
    const cacheDir = temporaryFolder();
    const put = (key: string, text: string): void => {
      mkdirSync(join(cacheDir, "runsc", key), { recursive: true });
      writeFileSync(join(cacheDir, "runsc", key, "runsc"), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    };
    put("old", "exit 0");
    expect(examineGvisor(cacheDir)).toMatchObject({
      verdict: "note",
      says: expect.stringMatching(/old\/runsc is too old: it reads no root file systems/),
    });
    put("new", "exit 0\ndev.gvisor.spec.rootfs.");
    expect(examineGvisor(cacheDir)).toMatchObject({ verdict: "ok", says: "runsc is in the cache (new)" });
  });

  it("says which packages are missing", () => {
    expect(examinePrograms([]).verdict).toBe("ok");
    expect(examinePrograms(["nft", "mkfs.xfs"])).toMatchObject({
      verdict: "problem",
      fix: expect.stringContaining("apt-get install nftables xfsprogs"),
    });
  });

  it("tells machines apart that cannot be servers", () => {
    expect(examineSystem("darwin", "arm64").verdict).toBe("problem");
    const arch = { title: "Arch Linux", id: "arch", version: "" };
    expect(examineSystem("linux", "x64", arch)).toMatchObject({
      verdict: "note",
      says: expect.stringContaining("Arch"),
    });
    expect(examineMemory(GIB, GIB).verdict).toBe("problem");
    expect(examineMemory(16 * GIB, GIB).verdict).toBe("note");
    expect(examineMemory(16 * GIB, 8 * GIB).verdict).toBe("ok");
  });

  it("reads which cgroups there are", () => {
    const two = "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    expect(examineCgroups(two, () => ["cpu", "memory", "pids", "io"])).toMatchObject({ verdict: "ok" });
    expect(examineCgroups(two, () => ["cpu", "pids", "io"])).toMatchObject({
      verdict: "problem",
      says: "version 2, with cpu, pids, io; missing: memory",
    });
    const one = ["cpu", "memory", "pids", "blkio"].map(
      (name) => `3 2 0:1 / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}\n`,
    );
    expect(examineCgroups(one.join(""))).toMatchObject({ verdict: "note", fix: expect.stringContaining("Version 1") });
    expect(examineCgroups("").says).toContain("none");
  });

  it("tells what drops packets, and where it could not look", () => {
    const facts = { forwards: true, dropping: [], hasLegacyFilter: false };
    expect(examineNetwork(facts).verdict).toBe("ok");
    expect(examineNetwork({ ...facts, dropping: ["ip filter DOCKER-USER"] }).says).toContain("DOCKER-USER");
    expect(examineNetwork({ ...facts, hasLegacyFilter: true }).verdict).toBe("note");
    expect(examineNetwork(undefined, false).verdict).toBe("unknown");
    expect(examineNetwork(undefined, true)).toMatchObject({
      verdict: "problem",
      fix: expect.stringContaining("nftables"),
    });
  });

  it("measures a pool, made or not", () => {
    const facts = { dir: "/data/pool", isMade: true, isMounted: true, canReflink: false };
    const space = (availableBytes: number) => ({ totalBytes: 64 * GIB, availableBytes });
    expect(examinePool({ ...facts, space: space(30 * GIB) })).toMatchObject({
      verdict: "ok",
      says: "/data/pool: 30.0 GiB of 64.0 GiB are free",
    });
    expect(examinePool({ ...facts, space: space(2 * GIB) }).verdict).toBe("problem");
    expect(examinePool({ ...facts, isMounted: false, space: space(GIB) }).verdict).toBe("note");
    const unmade = { ...facts, isMade: false, isMounted: false };
    expect(examinePool({ ...unmade, space: space(GIB) }).verdict).toBe("problem");
    expect(examinePool({ ...unmade, space: space(30 * GIB) }).says).toContain("XFS");
    expect(examinePool({ ...unmade, canReflink: true, space: space(30 * GIB) }).says).toContain("reflink");
    expect(examinePool({ ...unmade, canReflink: undefined, space: space(30 * GIB) }).verdict).toBe("unknown");
  });

  it("finds out who listens on a port", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    expect(listenerOn(port)?.pid).toBe(process.pid);
    expect(examinePort(`127.0.0.1:${port}`, () => false)).toMatchObject({
      verdict: "problem",
      says: expect.stringContaining(String(process.pid)),
    });
    expect(examinePort(`127.0.0.1:${port}`, ({ pid }) => pid === process.pid).verdict).toBe("ok");
    server.close();
    await once(server, "close");
    expect(examinePort(`127.0.0.1:${port}`, () => false).verdict).toBe("ok");
    expect(examinePort("nonsense", () => false).verdict).toBe("problem");
  });

  it("says which parts of a server do not run", () => {
    const place = { settings: { ...findPlace({}).settings, dataDir: "/data" } };
    const options = { isRoot: true, ownDatabase: true };
    const all = { postgres: 1, "host-agent": 2, "control-plane": 3 };
    expect(examineServer(place, { id: "ab12", running: all }, options).verdict).toBe("ok");
    expect(
      examineServer(place, { id: "ab12", running: { ...all, "host-agent": undefined } as never }, options),
    ).toMatchObject({
      verdict: "problem",
      says: expect.stringContaining("not running: host-agent"),
    });
    expect(examineServer(place, { id: "ab12", running: {} }, options).verdict).toBe("note");
    expect(examineServer(place, undefined, options).says).toContain("no server yet");
  });

  it("means the server that the environment names, else the installed service's", () => {
    const folder = temporaryFolder();
    const file = join(folder, "pandastack.env");
    writeFileSync(
      file,
      `# settings\nPANDASTACK_DATA_DIR="${folder}"\nPANDASTACK_LISTEN=0.0.0.0:80\n#PANDASTACK_RUNTIME=fake\nnonsense\n`,
    );
    expect(readEnvironmentFile(file)).toEqual({ PANDASTACK_DATA_DIR: folder, PANDASTACK_LISTEN: "0.0.0.0:80" });
    expect(findPlace({}, file)).toMatchObject({ listen: "0.0.0.0:80", settings: { dataDir: folder } });
    expect(findPlace({ PANDASTACK_DATA_DIR: "/elsewhere" }, file)).toMatchObject({
      listen: "127.0.0.1:8080",
      settings: { dataDir: "/elsewhere" },
    });
    expect(findPlace({}, "/nowhere").settings.dataDir).toMatch(/\.pandastack$/);
  });

  it("looks at this machine without changing it, each thing once", { timeout: 60_000 }, async () => {
    const folder = temporaryFolder();
    const place = findPlace({ PANDASTACK_DATA_DIR: join(folder, "none"), PANDASTACK_CACHE_DIR: join(folder, "cache") });
    const findings = await examineHost({ ...place, runRoot: join(folder, "run") });
    const ids = findings.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids).toEqual(
      expect.arrayContaining(["kvm", "gvisor", "pool", "cgroups", "network", "memory", "port", "leftovers"]),
    );
    for (const { verdict, fix, says } of findings) {
      expect(says).not.toBe("");
      expect(verdict === "problem" || verdict === "unknown" ? fix : "a fix").toBeTruthy();
    }
  });
});
