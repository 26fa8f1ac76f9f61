import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { waitFor } from "@pandastack/platform";
import { area } from "../case.ts";
import { Box } from "../box.ts";
import { refused } from "../refusal.ts";

const { cases, alone } = area("volumes");
export const volumeCases = cases;

/** What a sandbox comes from does not matter to a volume, but for its memory: a snapshot's is taken once. */
const ONCE = { origins: ["fresh"] } as const;
const MIB = 1_048_576;

alone(
  "a volume outlives its sandbox, and is deleted only when nobody has it",
  async ({ world }) => {
    const data = await world.volume("data");
    const first = await world.create({ template: "base" }, { volumes: [data] });
    expect(world.target.host.sandbox(first.id).volumes).toEqual([data]);
    await first.text("echo kept > /mnt/data/file; sync");
    await refused("volume.in_use", () => world.execute({ name: "deleteVolume", volumeId: data.volumeId }));
    await world.delete(first.id);
    const elsewhere = { ...data, path: "/srv/files/here" };
    const second = await world.create({ template: "base" }, { volumes: [elsewhere] });
    expect(await second.text("cat /srv/files/here/file")).toBe("kept");
    await world.delete(second.id);
    await world.execute({ name: "deleteVolume", volumeId: data.volumeId });
    expect(world.target.host.volumes()).toEqual([]);
    await refused("volume.not_found", () => world.create({ template: "base" }, { volumes: [data] }));
  },
  ONCE,
);

alone(
  "what was synced to a volume is there after its machine was killed",
  async ({ world }) => {
    const data = await world.volume("data", 64);
    const box = await world.create({ template: "base" }, { volumes: [data] });
    await box.text("head -c 3000000 /dev/urandom > /mnt/data/big; echo last > /mnt/data/last; sync");
    const sum = await box.text("sha256sum /mnt/data/big");
    // What is written on is under way when the machine dies.
    await box.background("i=0; while :; do i=$((i + 1)); echo $i >> /mnt/data/endless; done");
    await world.kill(box);
    await waitFor(() => world.state(box) === "failed", { timeoutMs: 20_000, message: "it has not failed" });
    const next = await world.create({ template: "base" }, { volumes: [data] });
    expect(await next.text("sha256sum /mnt/data/big; cat /mnt/data/last")).toBe(`${sum}\nlast`);
  },
  ONCE,
);

alone(
  "of two that want to write to a volume at once, exactly one gets it",
  async ({ world }) => {
    const data = await world.volume("data");
    const both = await Promise.allSettled([1, 2].map(() => world.create({ template: "base" }, { volumes: [data] })));
    expect(both.map((one) => one.status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const lost = both.find((one) => one.status === "rejected");
    expect(lost?.reason).toMatchObject({ code: "volume.in_use" });
    const won = both.find((one) => one.status === "fulfilled")!.value;
    await world.hibernate(won);
    await refused("volume.in_use", () => world.create({ template: "base" }, { volumes: [data] }));
    await world.delete(won.id);
    await world.create({ template: "base" }, { volumes: [data] });
  },
  ONCE,
);

alone(
  "many read beside one that writes: each sees what was there when it came, and can change nothing",
  async ({ world }) => {
    const data = await world.volume("data");
    const writer = await world.create({ template: "base" }, { volumes: [data] });
    await writer.text("echo one > /mnt/data/file; sync");
    const reading = { ...data, path: "/mnt/seen", readOnly: true };
    const reader = await world.create({ template: "base" }, { volumes: [reading] });
    await writer.text("echo two > /mnt/data/file; sync");
    const later = await world.create({ template: "base" }, { volumes: [reading] });
    expect(await reader.text("cat /mnt/seen/file")).toBe("one");
    expect(await later.text("cat /mnt/seen/file")).toBe("two");
    expect((await reader.run("echo three > /mnt/seen/file")).code).not.toBe(0);
    expect((await reader.run("echo three > /mnt/seen/new")).code).not.toBe(0);
    expect((await reader.run("rm /mnt/seen/file")).code).not.toBe(0);
    expect(await writer.text("cat /mnt/data/file; ls /mnt/data | grep -v lost")).toBe("two\nfile");
    await world.hibernate(reader);
    await world.wake(reader);
    expect(await reader.text("cat /mnt/seen/file"), "also after sleep").toBe("one");
  },
  ONCE,
);

alone(
  "a sleeping sandbox keeps its volume, also one that grows meanwhile",
  async ({ world }) => {
    const data = await world.volume("data");
    const box = await world.create({ template: "base" }, { volumes: [data] });
    await box.text("echo before > /mnt/data/file; cat /mnt/data/file > /dev/null");
    for (let cycle = 0; cycle < 3; cycle++) {
      await world.hibernate(box);
      await world.wake(box);
      await box.text(`echo ${cycle} >> /mnt/data/file`);
    }
    await world.hibernate(box);
    await world.execute({ name: "growVolume", volumeId: data.volumeId, sizeBytes: 48 * MIB });
    await world.wake(box);
    await box.text("head -c 30000000 /dev/zero > /mnt/data/big; sync");
    expect(await box.text("cat /mnt/data/file")).toBe("before\n0\n1\n2");
  },
  ONCE,
);

alone(
  "a volume grows while it is written to, and never shrinks",
  async ({ world }) => {
    const data = await world.volume("data");
    const box = await world.create({ template: "base" }, { volumes: [data] });
    await box.text("echo kept > /mnt/data/file");
    const grow = (sizeBytes: number) => world.execute({ name: "growVolume", volumeId: data.volumeId, sizeBytes });
    expect(await grow(64 * MIB)).toMatchObject({ sizeBytes: 64 * MIB });
    await box.text("head -c 40000000 /dev/zero > /mnt/data/big; sync");
    expect(await box.text("cat /mnt/data/file")).toBe("kept");
    await refused("validation.failed", () => grow(32 * MIB));
    await world.delete(box.id);
    await grow(96 * MIB);
    const next = await world.create({ template: "base" }, { volumes: [data] });
    await next.text("head -c 30000000 /dev/zero > /mnt/data/more; sync");
    expect(await next.text("cat /mnt/data/file")).toBe("kept");
  },
  ONCE,
);

alone(
  "a fork reads its parent's volume as of that instant, or has a clone of it to write to",
  async ({ world }) => {
    const data = await world.volume("data");
    const parent = await world.create({ template: "base" }, { volumes: [data] });
    await parent.text("echo shared > /mnt/data/file");
    const [reader] = await world.fork(parent, 1);
    await parent.text("echo parent > /mnt/data/file");
    expect(await reader!.text("cat /mnt/data/file")).toBe("shared");
    expect((await reader!.run("echo child > /mnt/data/file")).code).not.toBe(0);
    expect(world.target.host.sandbox(reader!.id).volumes).toMatchObject([{ name: "data", readOnly: true }]);

    const volumeId = world.keepVolume(randomUUID());
    const wanted = [{ of: data.volumeId, volumeId, name: "data-clone" }];
    const { children } = await world.tryFork(parent, 1, {}, wanted);
    const child = new Box(world.target, (children[0] as { sandbox: { id: string } }).sandbox.id);
    await child.text("echo child > /mnt/data/file; sync");
    expect(await parent.text("cat /mnt/data/file")).toBe("parent");
    await world.delete(child.id);
    const clone = { ...data, volumeId, name: "data-clone" };
    const next = await world.create({ template: "base" }, { volumes: [clone] });
    expect(await next.text("cat /mnt/data/file"), "the clone is a volume like any other").toBe("child");
  },
  ONCE,
);

alone(
  "a sandbox from a snapshot reads what was on the volume when it was taken",
  async ({ world }) => {
    const data = await world.volume("data");
    const box = await world.create({ template: "base" }, { volumes: [data] });
    await box.text("echo then > /mnt/data/file");
    const snapshotId = await world.snapshot(box);
    await box.text("echo now > /mnt/data/file; sync");
    await world.delete(box.id);
    const other = { ...(await world.volume("other")), path: "/mnt/other" };
    const next = await world.create({ snapshotId }, { volumes: [other] });
    expect(await next.text("cat /mnt/data/file; echo x > /mnt/other/x; cat /mnt/other/x")).toBe("then\nx");
    expect((await next.run("echo y > /mnt/data/file")).code).not.toBe(0);
    const again = await world.create({ template: "base" }, { volumes: [data] });
    expect(await again.text("cat /mnt/data/file"), "the volume has gone on").toBe("now");
  },
  ONCE,
);

alone(
  "a snapshot of a volume stays as it is; a clone goes its own way",
  async ({ world }) => {
    const data = await world.volume("data");
    const box = await world.create({ template: "base" }, { volumes: [data] });
    await box.text("echo then > /mnt/data/file");
    const snapshot = await world.clone(data, "then", true);
    const clone = await world.clone(data, "clone");
    await box.text("echo now > /mnt/data/file");
    await refused("volume.read_only", () =>
      world.create({ template: "base" }, { volumes: [{ ...snapshot, readOnly: false }] }),
    );
    const reader = await world.create({ template: "base" }, { volumes: [snapshot, clone] });
    expect(await reader.text("cat /mnt/then/file /mnt/clone/file")).toBe("then\nthen");
    await reader.text("echo else > /mnt/clone/file");
    expect(await box.text("cat /mnt/data/file")).toBe("now");
  },
  ONCE,
);

alone(
  "a volume that the pool has no room for is refused before anything is made",
  async ({ world }) => {
    const sizeBytes = 1024 ** 5;
    const command = { name: "createVolume", volumeId: randomUUID(), volumeName: "huge", sizeBytes } as const;
    await refused("capacity.insufficient_storage", () => world.execute(command));
    expect(world.target.host.volumes()).toEqual([]);
    const data = await world.volume("data");
    await refused("capacity.insufficient_storage", () =>
      world.execute({ name: "growVolume", volumeId: data.volumeId, sizeBytes }),
    );
    expect(world.target.host.volumes()).toMatchObject([{ sizeBytes: 16 * MIB }]);
  },
  ONCE,
);
