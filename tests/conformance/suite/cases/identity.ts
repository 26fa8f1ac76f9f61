import { expect } from "vitest";
import type { Box } from "../box.ts";
import { area } from "../case.ts";

const { cases, inside, alone } = area("identity");
export const identityCases = cases;

const MAX_CLOCK_ERROR_MS = 50;
const CLOCK_SAMPLES = 5;

/**
 * How far the guest's clock is from ours, in ms. A command takes its time in emulation, so the truth lies between the
 * moments before and after; the sample with the shortest way is the best one.
 */
async function clockErrorMs(box: Box): Promise<number> {
  let best = { width: Infinity, error: Infinity };
  for (let sample = 0; sample < CLOCK_SAMPLES; sample++) {
    const before = Date.now();
    const guest = Number(await box.text("date +%s%3N"));
    const after = Date.now();
    const error = guest < before ? before - guest : guest > after ? guest - after : 0;
    if (after - before < best.width) best = { width: after - before, error };
  }
  return best.error;
}

/** Everything that a guest must not share with its twin, by name. */
async function identityOf(box: Box): Promise<Record<string, string>> {
  const [hostname, machineId, bootId, random, temporary] = (
    await box.text(
      "hostname; cat /etc/machine-id; cat /proc/sys/kernel/random/boot_id; od -An -tx1 -N16 /dev/urandom; mktemp -u /tmp/XXXXXXXXXXXXXXXX",
    )
  ).split("\n");
  return {
    hostname: hostname!,
    machineId: machineId!,
    bootId: bootId!,
    random: random!,
    temporary: temporary!,
  };
}

function expectAllDifferent(identities: readonly Record<string, string>[]): void {
  for (const key of Object.keys(identities[0]!)) {
    const values = identities.map((identity) => identity[key]);
    expect(new Set(values).size, `${key} of ${values.length} siblings must differ: ${values.join(", ")}`).toBe(
      values.length,
    );
    for (const value of values) expect(value, key).toMatch(/\S/);
  }
}

alone("the kernel makes identifiers", async ({ box, world }) => {
  const [child] = await world.fork(box, 1);
  const both = await Promise.all([box, child!].map((one) => one.text("cat /proc/sys/kernel/random/uuid")));
  for (const uuid of both) expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/);
  expect(both[0]).not.toBe(both[1]);
});

alone("the clock is right from the first command on", async ({ box }) => {
  expect(await clockErrorMs(box), "ms off").toBeLessThanOrEqual(MAX_CLOCK_ERROR_MS);
});

inside("the sandbox is called by its id everywhere", async ({ box }) => {
  expect(await box.text("hostname; cat /etc/hostname; cat /proc/sys/kernel/hostname")).toBe(
    `${box.id}\n${box.id}\n${box.id}`,
  );
  expect(await box.text("cat /etc/machine-id")).toMatch(/^[0-9a-f]{32}$/);
});

alone("the clock is right after waking, and after a pause", async ({ box, world }) => {
  await world.hibernate(box);
  await world.wake(box);
  expect(await clockErrorMs(box), "ms off after waking").toBeLessThanOrEqual(MAX_CLOCK_ERROR_MS);
  await world.pause(box);
  const paused = Date.now();
  // A pause that is long against what is allowed; other sandboxes' work fills it.
  const other = await world.create({ template: "base" });
  while (Date.now() - paused < 4 * MAX_CLOCK_ERROR_MS) await other.run("true");
  await world.resume(box);
  expect(await clockErrorMs(box), "ms off after a pause").toBeLessThanOrEqual(MAX_CLOCK_ERROR_MS);
});

alone("the clock of a parent stays right although it stands still for forks and snapshots", async ({ box, world }) => {
  for (let round = 0; round < 4; round++) {
    const [child] = await world.fork(box, 1);
    await world.delete(child!.id);
    await world.deleteSnapshot(await world.snapshot(box));
  }
  expect(await clockErrorMs(box), "ms off").toBeLessThanOrEqual(MAX_CLOCK_ERROR_MS);
});

alone("parent, forked children and grandchildren share no identity and no randomness", async ({ box, world }) => {
  const children = await world.fork(box, 3);
  const [grandchild] = await world.fork(children[0]!, 1);
  expectAllDifferent(await Promise.all([box, ...children, grandchild!].map(identityOf)));
});

alone("sandboxes of one snapshot share no identity and no randomness", async ({ box, world }) => {
  const snapshotId = await world.snapshot(box);
  const siblings = [
    await world.create({ snapshotId }),
    await world.create({ snapshotId }),
    await world.create({ snapshotId }),
  ];
  expectAllDifferent(await Promise.all([box, ...siblings].map(identityOf)));
});

alone("a woken sandbox is not who it was in its image", async ({ box, world }) => {
  const snapshotId = await world.snapshot(box);
  await world.hibernate(box);
  await world.wake(box);
  const twin = await world.create({ snapshotId });
  expectAllDifferent(await Promise.all([box, twin].map(identityOf)));
  expect(await box.text("hostname")).toBe(box.id);
});

alone("every new Python process draws its own hash seed and addresses", async ({ box, world }) => {
  const family = [box, ...(await world.fork(box, 2))];
  const draw = (each: Box): Promise<string> =>
    each.text("python3 -c 'import os, random; print(hash(\"x\"), id(object()), random.random(), os.urandom(8).hex())'");
  const drawn = await Promise.all([...family, ...family].map(draw));
  for (const column of [0, 1, 2, 3]) {
    const values = drawn.map((line) => line.split(" ")[column]);
    // Addresses have few random bits; a hash seed or a random number never repeats.
    expect(new Set(values).size, `column ${column}: ${values.join(", ")}`).toBeGreaterThanOrEqual(
      column === 1 ? 2 : values.length,
    );
  }
});

alone("hooks in /etc/pandastack/on-restore.d run in what was restored", async ({ box, world }) => {
  await box.write("/etc/pandastack/on-restore.d/10-mark", "#!/bin/sh\necho ran >> /dev/shm/hook\n", { mode: 0o755 });
  const [child] = await world.fork(box, 1);
  expect(
    await child!.text(
      "i=0; while [ ! -s /dev/shm/hook ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i + 1)); done; cat /dev/shm/hook",
    ),
  ).toBe("ran");
  expect((await box.run("cat /dev/shm/hook")).code, "the parent was not restored").not.toBe(0);
});
