import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished } from "vitest";
import { api, type Json, sandboxForTest, server } from "../e2e/support/api.ts";
import { machineOf, machinesOf, placesOf } from "../e2e/support/machines.ts";
import { itWhen } from "../e2e/support/not-run.ts";
import { pathsBelow } from "./support/files-below.ts";

const isOwn = server.dataDir !== null && !server.isFake && process.getuid?.() === 0;
const runtimes: Json[] = isOwn ? (await api("GET", "/v1/hosts")).json[0].runtimes : [];
const onOwnServer = itWhen(
  runtimes.some(({ name, available }) => name === "gvisor" && available),
  "needs root and a server with gVisor on this host",
);
const SOURCE = join(import.meta.dirname, "support", "sentry-probe.c");

describe("a program with the rights of a gVisor sandbox's process", () => {
  onOwnServer("reaches nothing of others: files, sockets, processes, network", async () => {
    const dataDir = server.dataDir!;
    const places = placesOf(dataDir);
    const victim = (await api("GET", `/v1/sandboxes/${await sandboxForTest({ runtime: "gvisor" })}`)).json;
    const sentry = machineOf(dataDir, await sandboxForTest({ runtime: "gvisor" }));
    const port = Number(new URL(server.url).port);
    const hostAddresses = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ family }) => family === "IPv4")
      .map(({ address }) => address);
    const others = processesOf([dataDir, places.runDir]).filter((pid) => pid !== sentry.pid);
    const wanted = [
      ...[
        ...pathsBelow(join(dataDir, "pool", "templates"), (stats) => stats.isFile()),
        ...["server.json", "artifacts.json", "pool.img", "journal/host.sqlite", "pg/PG_VERSION"].map((name) =>
          join(dataDir, name),
        ),
        ...machinesOf(places).map(({ id }) => join(places.runDir, "m", id, "config.json")),
        "/etc/shadow",
        "/etc/passwd",
        ...others.flatMap((pid) => ["mem", "environ"].map((name) => `/proc/${pid}/${name}`)),
      ]
        .filter(isThere)
        .map((path) => `read ${path}`),
      ...[dataDir, places.poolDir, places.runDir, "/home", "/root", "/sys/fs/cgroup", "/run/netns"].map(
        (path) => `list ${path}`,
      ),
      ...[join(dataDir, "new"), "/run/new", "/tmp/new", "/new"].map((path) => `write ${path}`),
      ...others.map((pid) => `signal ${pid}`),
      ...pathsBelow(places.runDir, (stats) => stats.isSocket()).map((path) => `unix ${path}`),
      ...[...hostAddresses, "127.0.0.1"].map((address) => `tcp ${address} ${port}`),
      ...[`tcp ${victim.guest_ip} 1`, "tcp 169.254.169.254 80", "tcp 169.254.100.1 7153", "tcp 1.1.1.1 443"],
    ];
    const probe = buildProbe();
    // What is asked for is there, and a probe as who may have it gets it: else one that finds nothing shows nothing.
    const asRoot = ask(probe, 0, wanted);
    const kinds = (lines: string[]): string[] => [...new Set(lines.map((line) => line.split(" ")[0]!))];
    expect(kinds(asRoot)).toEqual(["read", "list", "write", "signal", "unix", "tcp"]);
    for (const path of [join(dataDir, "new"), "/run/new", "/tmp/new", "/new"]) rmSync(path, { force: true });
    expect(asRoot.filter((line) => line.startsWith("read ")).length).toBeGreaterThan(10);
    // Its own root, so that the answer is not that of a probe that can do nothing at all.
    expect(ask(probe, sentry.pid, ["list /", ...wanted])).toEqual(["list /"]);
    expect(readdirSync(`/proc/${sentry.pid}/root`).filter((name) => !["etc", "proc", "sys"].includes(name))).toEqual(
      [],
    );
  });
});

/** What of the wanted lines worked as the process that has this pid; 0: as this test. */
function ask(probe: string, pid: number, wanted: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(probe, [String(pid)], {
    input: `${wanted.join("\n")}\n`,
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  return stdout.split("\n").filter((line) => line !== "");
}

/** No program of the host's can be started where a sandbox's process is: this one brings everything with it. */
function buildProbe(): string {
  const folder = mkdtempSync(join(tmpdir(), "pandastack-sentry-probe-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const probe = join(folder, "probe");
  execFileSync("gcc", ["-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", probe, SOURCE]);
  return probe;
}

function processesOf(marks: readonly string[]): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const text = ["cmdline", "environ"].map((name) => readFileSync(`/proc/${pid}/${name}`, "utf8")).join(" ");
        return marks.some((mark) => text.includes(mark)) && readlinkSync(`/proc/${pid}/exe`) !== "";
      } catch {
        return false;
      }
    })
    .map(Number);
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
