import { readFileSync } from "node:fs";
import { isAlive, processStat } from "@pandastack/host-agent/processes/proc";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingForMachines, openQemuHost } from "./qemu-host.ts";
import type { Box } from "./suite/box.ts";
import { lookOver } from "./suite/leftovers.ts";
import type { Target } from "./suite/target.ts";
import { World } from "./suite/world.ts";

const AHEAD = 2;
/** Half as many blanks, and the sandbox's own. */
const VMMS = AHEAD + 1 + 1;

/** The suite's host starts nothing ahead: here sandboxes wake into VMMs that wait for creates, or have to do without. */
describe.skipIf(missingForMachines() !== undefined)("qemu: VMMs that wait", () => {
  let target: Target;
  let world: World;
  beforeAll(async () => {
    target = await openQemuHost({ ahead: AHEAD });
    world = new World(target);
  });
  afterAll(async () => {
    await world?.tidy();
    await target?.close();
  });

  /** Which file its memory is mapped from. */
  async function memoryInode(box: Box): Promise<string> {
    const { pid } = await target.host.usage(box.id);
    const line = readFileSync(`/proc/${pid}/maps`, "utf8")
      .split("\n")
      .find((each) => each.endsWith("/memory"));
    return line?.split(/\s+/)[4] ?? "none";
  }

  const untilFull = () =>
    waitFor(() => (lookOver(target)["processes"]?.length ?? 0) >= VMMS, {
      timeoutMs: 60_000,
      message: "the VMMs that wait are not there again",
    });

  test("a sandbox wakes in one that has the template mapped, as itself, again and again", async () => {
    const box = await world.create({ template: "base" });
    const template = await memoryInode(box);
    await box.text(
      "head -c 3000000 /dev/urandom | tee /dev/shm/memory > /root/disk; sync; sha256sum < /root/disk > /dev/shm/sum",
    );
    await box.background("n=0; while :; do n=$((n + 1)); echo $n > /dev/shm/count; sleep 0.05; done");
    const verify = async (cycle: number) => {
      const sum = await box.text("cat /dev/shm/sum");
      for (const file of ["/dev/shm/memory", "/root/disk"]) expect(await box.text(`sha256sum < ${file}`)).toBe(sum);
      const count = Number(await box.text("cat /dev/shm/count"));
      await waitFor(async () => Number(await box.text("cat /dev/shm/count")) > count, {
        timeoutMs: 20_000,
        message: "its process does not go on",
      });
      await box.text(`head -c 200000 /dev/urandom > /dev/shm/other-${cycle}`);
    };
    for (let cycle = 0; cycle < 3; cycle++) {
      await untilFull();
      await world.hibernate(box);
      await world.wake(box);
      expect(await memoryInode(box), `cycle ${cycle}`).toBe(template);
      await verify(cycle);
    }
    // With none left it has its own image mapped; from the next wake on it is as before.
    const taken: Box[] = [];
    await world.hibernate(box);
    for (let i = 0; i < AHEAD + 1; i++) taken.push(await world.create({ template: "base" }));
    await world.wake(box);
    await verify(3);
    const vmms = await Promise.all(
      taken.map(async ({ id }) => {
        const { pid } = await target.host.usage(id);
        return { pid, startTime: processStat(pid)!.startTime };
      }),
    );
    for (const other of taken) await world.delete(other.id);
    // While they end, they look like ones that wait.
    await waitFor(() => !vmms.some(({ pid, startTime }) => isAlive(pid, startTime)), {
      timeoutMs: 60_000,
      message: "deleted machines live on",
    });
    await untilFull();
    await world.hibernate(box);
    await world.wake(box);
    expect(await memoryInode(box)).toBe(template);
    await verify(4);
    // It is a machine like others: its disk is its own user's.
    for (const persistent of [true, false])
      await world.execute({ name: "setPersistent", sandboxId: box.id, persistent });
    // Those that wait have no durable disk.
    await world.execute({ name: "setPersistent", sandboxId: box.id, persistent: true });
    await world.hibernate(box);
    await world.wake(box);
    expect(await memoryInode(box)).not.toBe(template);
    await verify(5);
  });

  test("a snapshot of one that sleeps is for many: each has the snapshot's memory mapped", async () => {
    const box = await world.create({ template: "base" });
    const template = await memoryInode(box);
    await untilFull();
    await box.text("echo kept > /dev/shm/kept");
    await world.hibernate(box);
    const snapshot = await world.snapshot(box);
    const restored = await world.create({ snapshotId: snapshot });
    expect(await restored.text("cat /dev/shm/kept")).toBe("kept");
    expect(await memoryInode(restored)).not.toBe(template);
  });
});
