import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { waitFor } from "@pandastack/platform";
import type { Box } from "../box.ts";
import { area } from "../case.ts";
import { refused } from "../refusal.ts";
import type { World } from "../world.ts";

const { cases, alone } = area("lasting");
export const lastingCases = cases;

/** A sandbox's disk is the same wherever it comes from. */
const ONCE = { origins: ["fresh"] } as const;
/** Boots from disk, in emulation and beside other tests. */
const BOOT_TIMEOUT_MS = 60_000;

const untilCold = (world: World, box: Box): Promise<unknown> =>
  waitFor(
    () => {
      const { state, bootMode } = world.target.host.sandbox(box.id);
      return state === "running" && bootMode === "cold";
    },
    { timeoutMs: BOOT_TIMEOUT_MS, intervalMs: 20, message: `${box.id} is not started from its disk` },
  );

const eventsOf = (world: World, box: Box) => world.target.host.events(0).filter((event) => event.sandboxId === box.id);

/** As an image is that another build of the VMM, or a host with another CPU, has made. */
function makeUnloadable(world: World, ...folder: string[]): void {
  const file = join(world.target.folders[0]!, ...folder, "image.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...manifest, buildKey: "another" }));
}

alone(
  "a persistent sandbox whose machine dies starts again from its disk, as itself, with its volumes",
  async ({ world }) => {
    const [data, seen] = [await world.volume("data"), await world.volume("seen")];
    const filler = await world.create({ template: "base" }, { volumes: [seen] });
    await filler.text("echo seen > /mnt/seen/file; sync");
    await world.delete(filler.id);
    const volumes = [data, { ...seen, readOnly: true }];
    const box = await world.create({ template: "base" }, { persistent: true, env: { KEPT: "yes" }, volumes });
    await box.text("echo disk > /root/file; echo volume > /mnt/data/file; echo memory > /dev/shm/file; sync");
    const machineId = await box.text("cat /etc/machine-id");
    await world.kill(box);
    await untilCold(world, box);
    expect(await box.text("cat /root/file /mnt/data/file /mnt/seen/file; echo $KEPT; hostname")).toBe(
      `disk\nvolume\nseen\nyes\n${box.id}`,
    );
    expect((await box.run("cat /dev/shm/file")).code, "its memory is gone").not.toBe(0);
    expect((await box.run("echo x > /mnt/seen/file")).code).not.toBe(0);
    expect(await box.text("cat /etc/machine-id")).not.toBe(machineId);
    await refused("volume.in_use", () => world.create({ template: "base" }, { volumes: [data] }));
    const [, died, woken] = eventsOf(world, box);
    expect(died).toMatchObject({ type: "vm.died", payload: { restart: true } });
    expect(woken).toMatchObject({
      type: "sandbox.woken",
      payload: { boot_mode: "cold", reason: died!.payload["reason"] },
    });
    expect(world.target.host.sandbox(box.id).reason).toBeNull();

    await box.text("echo more >> /mnt/data/file; echo memory > /dev/shm/file");
    await world.hibernate(box);
    expect(await world.wake(box)).toMatchObject({ bootMode: "wake" });
    expect(await box.text("cat /mnt/data/file /dev/shm/file")).toBe("volume\nmore\nmemory");
  },
  { ...ONCE, timeoutMs: 120_000 },
);

alone(
  "one that is made persistent while it runs outlives its machine, and one that is made the opposite does not",
  async ({ box, world }) => {
    const setPersistent = (persistent: boolean) =>
      world.execute({ name: "setPersistent", sandboxId: box.id, persistent });
    await box.text("echo before > /root/file; sync");
    expect(await setPersistent(true)).toMatchObject({ persistent: true });
    await box.text("echo after >> /root/file; sync");
    await world.kill(box);
    await untilCold(world, box);
    expect(await box.text("cat /root/file")).toBe("before\nafter");
    expect(await setPersistent(false)).toMatchObject({ persistent: false });
    expect(await box.text("cat /root/file; sync")).toBe("before\nafter");
    await world.kill(box);
    await waitFor(() => world.state(box) === "failed", { timeoutMs: 20_000, message: "it has not failed" });
  },
  { ...ONCE, timeoutMs: 120_000 },
);

alone(
  "a sandbox that has failed can be woken, and has what it had written to its disk",
  async ({ world }) => {
    const data = await world.volume("data");
    const box = await world.create({ template: "base" }, { volumes: [data] });
    await box.text("echo disk > /root/file; echo volume > /mnt/data/file; sync");
    await world.kill(box);
    await waitFor(() => world.state(box) === "failed", { timeoutMs: 20_000, message: "it has not failed" });
    const other = await world.create({ template: "base" }, { volumes: [data] });
    await refused("volume.in_use", () => world.wake(box));
    await world.delete(other.id);
    expect(await world.wake(box)).toMatchObject({ state: "running", bootMode: "cold", reason: null });
    expect(await box.text("cat /root/file /mnt/data/file")).toBe("disk\nvolume");
  },
  { ...ONCE, timeoutMs: 120_000 },
);

alone(
  "where memory cannot be restored any more, sleepers and snapshots start from their disks",
  async ({ world }) => {
    const data = await world.volume("data");
    const box = await world.create({ template: "base" }, { volumes: [data] });
    await box.text("echo then > /root/file; echo then > /mnt/data/file");
    const snapshotId = await world.snapshot(box);
    await box.text("echo now > /root/file; echo now > /mnt/data/file; echo memory > /dev/shm/file");
    await world.hibernate(box);
    makeUnloadable(world, "sandboxes", box.id, "memory-image");
    makeUnloadable(world, "snapshots", snapshotId);
    expect(await world.wake(box)).toMatchObject({ state: "running", bootMode: "cold" });
    expect(await box.text("cat /root/file /mnt/data/file")).toBe("now\nnow");
    expect((await box.run("cat /dev/shm/file")).code).not.toBe(0);
    expect(eventsOf(world, box).at(-1)).toMatchObject({ type: "sandbox.woken", payload: { boot_mode: "cold" } });
    expect(eventsOf(world, box).at(-1)!.payload["reason"]).toMatch(/another build/);

    const old = await world.create({ snapshotId });
    expect(world.target.host.sandbox(old.id)).toMatchObject({ bootMode: "cold", fromSnapshot: snapshotId });
    expect(await old.text("cat /root/file /mnt/data/file; hostname")).toBe(`then\nthen\n${old.id}`);
    expect((await old.run("echo x > /mnt/data/file")).code).not.toBe(0);
  },
  { ...ONCE, timeoutMs: 120_000 },
);

alone(
  "after a restart of the host persistent sandboxes come back when they are used; of the others only sleepers",
  async ({ world }) => {
    const data = await world.volume("data");
    const lasting = await world.create({ template: "base" }, { persistent: true, volumes: [data] });
    const [sleeper, passing] = [await world.create({ template: "base" }), await world.create({ template: "base" })];
    await lasting.text("echo disk > /root/file; echo volume > /mnt/data/file; sync");
    await sleeper.text("echo slept > /dev/shm/slept");
    await world.hibernate(sleeper);
    await world.reboot();
    expect([lasting, sleeper, passing].map((box) => world.state(box))).toEqual(["hibernated", "hibernated", "failed"]);
    for (const box of [lasting, passing])
      expect(world.target.host.sandbox(box.id).reason).toMatch(/host was restarted/);
    expect([lasting, passing].map((box) => eventsOf(world, box).at(-1)!.type)).toEqual([
      "recover.hibernated",
      "vm.died",
    ]);
    await refused("sandbox.invalid_state", () => world.wake(passing));
    await world.delete(passing.id);
    await world.wake(sleeper);
    expect(await sleeper.text("cat /dev/shm/slept")).toBe("slept");
    // A fork of one that sleeps without memory starts it first.
    const [child] = await world.fork(lasting, 1);
    expect(world.target.host.sandbox(lasting.id)).toMatchObject({ state: "running", bootMode: "cold", reason: null });
    for (const box of [lasting, child!]) expect(await box.text("cat /root/file /mnt/data/file")).toBe("disk\nvolume");
  },
  { ...ONCE, timeoutMs: 120_000 },
);
