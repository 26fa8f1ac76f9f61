import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Artifacts } from "@pandastack/host-agent/images/artifacts";
import { openGvisorHost } from "./gvisor-host.ts";
import { missingForMachines } from "./qemu-host.ts";
import type { Box } from "./suite/box.ts";
import type { Target } from "./suite/target.ts";
import { World } from "./suite/world.ts";

/** Set-up comes with another runsc while sandboxes run, sleep, and are in snapshots. */
describe.skipIf(missingForMachines() !== undefined)("gVisor: an upgrade of runsc", () => {
  let cacheDir: string;
  let target: Target;
  let world: World;
  let today: "former" | "next" = "former";
  beforeAll(async () => {
    cacheDir = mkdtempSync(join(tmpdir(), "pandastack-upgrade-"));
    // A sandbox's user starts its programs there.
    chmodSync(cacheDir, 0o755);
    target = await openGvisorHost("memory", {
      cacheDir,
      artifactsOf: (made) => (today === "former" ? former(made) : next(made)),
    });
    world = new World(target);
  });
  afterAll(async () => {
    await world?.tidy();
    await target?.close();
    if (cacheDir !== undefined) rmSync(cacheDir, { recursive: true, force: true });
  });

  /** Set-up's own, in the cache of this test. */
  const former = (made: Artifacts): Artifacts => withBuild(made, "former", () => {});
  /** The same program under another version: of a checkpoint, runsc compares that. */
  const next = (made: Artifacts): Artifacts =>
    withBuild(made, "next", (folder) => setVersion(folder, made.gvisor!.version));

  function withBuild(made: Artifacts, key: string, change: (folder: string) => void): Artifacts {
    const gvisor = made.gvisor!;
    const folder = join(cacheDir, "runsc", key);
    if (!existsSync(folder)) {
      cpSync(join(gvisor.runsc, ".."), folder, { recursive: true });
      change(folder);
    }
    return { ...made, gvisor: { ...gvisor, key, runsc: join(folder, "runsc") } };
  }

  /** Which build a sandbox's process is of. */
  async function buildOf(box: Box): Promise<string | undefined> {
    const program = readlinkSync(`/proc/${(await target.host.usage(box.id)).pid}/exe`);
    return /\/runsc\/(\w+)\//.exec(program)?.[1];
  }

  const marked = async (from: Parameters<World["create"]>[0]): Promise<Box> => {
    const box = await world.create(from);
    await box.text("echo kept > /dev/shm/mark");
    return box;
  };
  const expectWhole = async (box: Box, build: string): Promise<void> => {
    expect(await box.text("cat /dev/shm/mark")).toBe("kept");
    expect(await buildOf(box)).toBe(build);
  };

  test("what was stored before goes on with the build that stored it; what is new is of the new one", async () => {
    const [runner, sleeper] = [await marked({ template: "base" }), await marked({ template: "base" })];
    const snapshotId = await world.snapshot(runner);
    await world.hibernate(sleeper);
    await expectWhole(runner, "former");

    today = "next";
    await target.restart();
    const noted = JSON.parse(readFileSync(join(target.folders[0]!, "../builds.json"), "utf8")) as { paths: string[] };
    for (const key of ["former", "next"]) expect(noted.paths).toContain(join(cacheDir, "runsc", key, "runsc"));
    await expectWhole(runner, "former");
    const [child] = await world.fork(runner, 1);
    await expectWhole(child!, "former");
    await world.wake(sleeper);
    await expectWhole(sleeper, "former");
    const restored = await world.create({ snapshotId });
    await expectWhole(restored, "former");
    const again = await world.create({ snapshotId: await world.snapshot(restored) });
    await expectWhole(again, "former");
    await expectWhole(await marked({ template: "base" }), "next");
  });

  test("no other build restores it: with its own gone, it is refused", async () => {
    const box = await marked({ template: "base" });
    const snapshotId = await world.snapshot(box);
    // Under the name of the one that took it there is another now.
    const folder = join(cacheDir, "runsc", "former");
    today = "former";
    await target.restart();
    await expectWhole(await world.create({ snapshotId }), "next");
    rmSync(join(cacheDir, "runsc", "next"), { recursive: true });
    cpSync(folder, join(cacheDir, "runsc", "next"), { recursive: true });
    await expect(world.create({ snapshotId })).rejects.toThrow(/version/);
    rmSync(join(cacheDir, "runsc", "next"), { recursive: true });
    await expect(world.create({ snapshotId })).rejects.toThrow(/build/);
  });
});

function setVersion(folder: string, version: string): void {
  const program = join(folder, "runsc");
  const sentry = join(folder, "gvisor-bin/gvisor_sentry");
  const bytes = readFileSync(program);
  const other = Buffer.from(version.replace(/.$/, "x"));
  let count = 0;
  for (let at = bytes.indexOf(version); at >= 0; at = bytes.indexOf(version, at + 1), count++) other.copy(bytes, at);
  if (count === 0) throw new Error(`${program} does not say its version, ${version}`);
  rmSync(program);
  rmSync(sentry, { force: true });
  writeFileSync(program, bytes, { mode: 0o755 });
  linkSync(program, sentry);
}
