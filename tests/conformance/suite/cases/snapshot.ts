import { randomUUID } from "node:crypto";
import { newSandboxId } from "@pandastack/platform";
import { expect } from "vitest";
import { area } from "../case.ts";
import { refused } from "../refusal.ts";
import { counted, flawIn, startCounting, waitForCount } from "./counting.ts";

const { cases, alone } = area("snapshot");
export const snapshotCases = cases;

alone("a snapshot holds disk, memory and processes of its instant, and the sandbox goes on", async ({ box, world }) => {
  await startCounting(box);
  await box.text("echo disk > /root/on-disk; echo memory > /dev/shm/in-memory");
  const snapshotId = await world.snapshot(box);
  await box.text("echo later > /root/on-disk; echo later > /dev/shm/in-memory");
  const restored = await world.create({ snapshotId });
  expect(world.target.host.sandbox(restored.id)).toMatchObject({
    fromSnapshot: snapshotId,
    bootMode: "snapshot",
    template: "base",
  });
  expect(await restored.text("cat /root/on-disk /dev/shm/in-memory")).toBe("disk\nmemory");
  expect(await box.text("cat /root/on-disk /dev/shm/in-memory")).toBe("later\nlater");
  for (const each of [box, restored])
    expect(flawIn(await waitForCount(each, (await counted(each)).length + 3)), each.id).toBeUndefined();
});

alone("two sandboxes of one snapshot never see each other's writes", async ({ box, world }) => {
  await box.text("echo common > /root/file; echo common > /dev/shm/file");
  const snapshotId = await world.snapshot(box);
  const [one, two] = await Promise.all([world.create({ snapshotId }), world.create({ snapshotId })]);
  await one.text("echo one > /root/file; echo one > /dev/shm/file; echo one > /root/only-one");
  expect(await two.text("cat /root/file /dev/shm/file; ls /root/only-one 2>/dev/null || echo none")).toBe(
    "common\ncommon\nnone",
  );
  expect(await box.text("cat /root/file /dev/shm/file")).toBe("common\ncommon");
  const third = await world.create({ snapshotId });
  expect(await third.text("cat /root/file /dev/shm/file"), "the snapshot itself is as it was").toBe("common\ncommon");
});

alone("a paused sandbox can be snapshotted and stays paused", async ({ box, world }) => {
  await box.text("echo still > /dev/shm/still");
  await world.pause(box);
  const snapshotId = await world.snapshot(box);
  expect(world.state(box)).toBe("paused");
  expect(await (await world.create({ snapshotId })).text("cat /dev/shm/still")).toBe("still");
  await world.resume(box);
  expect(await box.text("cat /dev/shm/still")).toBe("still");
});

alone("a hibernated sandbox can be snapshotted and stays hibernated", async ({ box, world }) => {
  await box.text("echo asleep > /dev/shm/asleep");
  await world.hibernate(box);
  const snapshotId = await world.snapshot(box);
  expect(world.state(box)).toBe("hibernated");
  expect(await (await world.create({ snapshotId })).text("cat /dev/shm/asleep")).toBe("asleep");
  await world.wake(box);
  expect(await box.text("cat /dev/shm/asleep")).toBe("asleep");
});

alone("a snapshot outlives its sandbox, and sandboxes outlive their snapshot", async ({ box, world }) => {
  await box.text("echo heritage > /root/heritage");
  const snapshotId = await world.snapshot(box);
  await world.delete(box.id);
  const child = await world.create({ snapshotId });
  await world.deleteSnapshot(snapshotId);
  await refused("snapshot.not_found", () => world.create({ snapshotId }));
  await refused("snapshot.not_found", () => world.deleteSnapshot(snapshotId));
  expect(await child.text("cat /root/heritage; echo more >> /root/heritage; cat /root/heritage")).toBe(
    "heritage\nheritage\nmore",
  );
  await world.hibernate(child);
  await world.wake(child);
  expect(await child.text("cat /root/heritage")).toBe("heritage\nmore");
});

alone("snapshots are listed with their size until they are deleted", async ({ box, world }) => {
  const snapshotId = await world.snapshot(box);
  const listed = world.target.host.snapshots().find((snapshot) => snapshot.id === snapshotId);
  expect(listed).toMatchObject({ sandboxId: box.id, template: "base" });
  expect(listed!.sizeBytes).toBeGreaterThan(0);
  await refused("sandbox.conflict", () => world.execute({ name: "createSnapshot", sandboxId: box.id, snapshotId }));
  await world.deleteSnapshot(snapshotId);
  expect(world.target.host.snapshots().map((snapshot) => snapshot.id)).not.toContain(snapshotId);
});

alone("commands that run while a snapshot is taken end as they should", async ({ box, world }) => {
  const commands = Array.from({ length: 6 }, (_, index) => box.text(`sleep 0.${index}; echo ${index}`));
  const snapshotIds = await Promise.all([world.snapshot(box), world.snapshot(box)]);
  expect(await Promise.all(commands)).toEqual(["0", "1", "2", "3", "4", "5"]);
  expect(new Set(snapshotIds).size).toBe(2);
});

alone("what is deleted while it is being made is gone once both have ended", async ({ box, world }) => {
  const snapshotId = randomUUID();
  const child = { sandboxId: newSandboxId(), env: {}, persistent: false };
  await Promise.all([
    world.execute({ name: "createSnapshot", sandboxId: box.id, snapshotId }),
    world.deleteSnapshot(snapshotId),
    world.execute({ name: "forkSandbox", sandboxId: box.id, children: [child] }),
    world.delete(child.sandboxId),
  ]);
  expect(world.target.host.snapshots().map((snapshot) => snapshot.id)).not.toContain(snapshotId);
  expect(world.target.host.sandboxes().map((sandbox) => sandbox.id)).not.toContain(child.sandboxId);
});
