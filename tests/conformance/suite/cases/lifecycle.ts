import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { expect } from "vitest";
import { newHexId, newSandboxId, waitFor } from "@pandastack/platform";
import { Box } from "../box.ts";
import { area } from "../case.ts";
import { refused } from "../refusal.ts";
import { counted, flawIn, startCounting, waitForCount } from "./counting.ts";

const { cases, alone } = area("lifecycle");
export const lifecycleCases = cases;

alone("a create that has answered is usable, and says what it is", async ({ box, world }) => {
  expect(await box.text("echo usable")).toBe("usable");
  const sandbox = world.target.host.sandbox(box.id);
  expect(sandbox).toMatchObject({ id: box.id, state: "running", template: "base", reason: null });
  expect(sandbox.guestIp).toMatch(/^10\.200\.\d+\.\d+$/);
});

alone("a paused sandbox stands still and refuses its inside", async ({ box, world }) => {
  await startCounting(box);
  expect((await world.pause(box)).state).toBe("paused");
  await refused("sandbox.invalid_state", () => box.run("true"));
  expect((await world.pause(box)).state, "pausing twice is fine").toBe("paused");
  expect((await world.resume(box)).state).toBe("running");
  expect((await world.resume(box)).state, "resuming twice is fine").toBe("running");
  const before = (await counted(box)).length;
  expect(flawIn(await waitForCount(box, before + 3))).toBeUndefined();
});

alone("a hibernated sandbox refuses its inside, and what is done twice is done once", async ({ box, world }) => {
  expect((await world.hibernate(box)).state).toBe("hibernated");
  expect(world.target.host.sandbox(box.id).guestIp, "nothing of the network is held").toBeNull();
  expect((await world.hibernate(box)).state).toBe("hibernated");
  await refused("sandbox.invalid_state", () => box.run("true"));
  await refused("sandbox.invalid_state", () => world.pause(box));
  await refused("sandbox.invalid_state", () => world.resume(box));
  expect((await world.wake(box)).state).toBe("running");
  expect((await world.wake(box)).state).toBe("running");
  expect(await box.text("echo awake")).toBe("awake");
});

alone("a paused sandbox can be hibernated and woken", async ({ box, world }) => {
  await box.text("echo kept > /dev/shm/kept");
  await world.pause(box);
  expect((await world.hibernate(box)).state).toBe("hibernated");
  expect((await world.wake(box)).state).toBe("running");
  expect(await box.text("cat /dev/shm/kept")).toBe("kept");
});

alone("what is deleted is unknown, in every state", async ({ box, world, origin }) => {
  const others = [await world.make(origin), await world.make(origin)];
  await world.pause(others[0]!);
  await world.hibernate(others[1]!);
  for (const each of [box, ...others]) {
    await world.delete(each.id);
    await refused("sandbox.not_found", () => each.run("true"));
    await refused("sandbox.not_found", () => world.delete(each.id));
  }
});

alone("a running command does not keep its sandbox from being deleted", async ({ box, world }) => {
  const { events } = await box.start({ shell: "sleep 600" });
  const end = events.next();
  // It may be told before the delete has answered.
  end.catch(() => undefined);
  await world.delete(box.id);
  await expect(end, "whoever listens must be told").rejects.toMatchObject({ code: "sandbox.guest_unreachable" });
});

alone(
  "unknown ids are refused alike by every command",
  async ({ world }) => {
    const sandboxId = newSandboxId();
    const snapshotId = randomUUID();
    for (const name of ["pauseSandbox", "resumeSandbox", "hibernateSandbox", "wakeSandbox", "deleteSandbox"] as const) {
      await refused("sandbox.not_found", () => world.execute({ name, sandboxId }));
    }
    const box = new Box(world.target, sandboxId);
    await refused("sandbox.not_found", () => world.snapshot(box));
    await refused("sandbox.not_found", () => world.tryFork(box, 1));
    await refused("sandbox.not_found", () => world.execute({ name: "setPersistent", sandboxId, persistent: true }));
    await refused("sandbox.not_found", async () => world.target.host.sandbox(sandboxId));
    await refused("sandbox.not_found", () => box.guest());
    await refused("snapshot.not_found", () => world.deleteSnapshot(snapshotId));
    await refused("snapshot.not_found", () => world.create({ snapshotId }));
  },
  { origins: ["fresh"] },
);

alone(
  "an unknown template or runtime, and an id in use, are refused",
  async ({ box, world }) => {
    await refused("template.not_found", () => world.create({ template: "no-such-template" }));
    const create = { name: "createSandbox", from: { template: "base" }, env: {}, persistent: false } as const;
    await refused("sandbox.conflict", () => world.execute({ ...create, runtime: "auto", sandboxId: box.id }));
    const other = world.target.host.sandbox(box.id).runtime === "fake" ? "microvm" : "fake";
    await refused("runtime.unavailable", () => world.execute({ ...create, runtime: other, sandboxId: newSandboxId() }));
  },
  { origins: ["fresh"] },
);

/** In a process of its own: SQLite keeps a file open that this process has opened twice. */
const change = (journal: string, sql: string): Promise<unknown> =>
  promisify(execFile)(process.execPath, ["-e", CHANGE, journal, sql]);
const CHANGE = `const db = new (require("node:sqlite").DatabaseSync)(process.argv[1], { timeout: 5000 });
db.exec(process.argv[2]); db.close();`;

/** As on a full disk: nothing can be written down for as long as `work` takes. */
async function withJournalShut(journal: string, work: () => Promise<void>): Promise<void> {
  await change(journal, "CREATE TRIGGER shut BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'shut'); END");
  try {
    await work();
  } finally {
    await change(journal, "DROP TRIGGER shut");
  }
}

alone("what the journal cannot take has not happened, and the sandbox goes on", async ({ box, world }) => {
  await startCounting(box);
  const before = new Set(world.target.host.sandboxes().map(({ id }) => id));
  await withJournalShut(world.target.journal, async () => {
    const tries: Record<string, () => Promise<unknown>> = {
      pause: () => world.pause(box),
      hibernate: () => world.hibernate(box),
      snapshot: () => world.snapshot(box),
      fork: () => world.fork(box, 1),
      create: () => world.create({ template: "base" }),
      delete: () => world.delete(box.id),
    };
    for (const [name, attempt] of Object.entries(tries)) {
      await expect(attempt(), name).rejects.toThrow();
      expect(world.target.host.sandbox(box.id).state, name).toBe("running");
      const count = (await counted(box)).length;
      expect(flawIn(await waitForCount(box, count + 3)), name).toBeUndefined();
    }
  });
  expect(new Set(world.target.host.sandboxes().map(({ id }) => id))).toEqual(before);
  await world.hibernate(box);
  await world.wake(box);
  expect(flawIn(await waitForCount(box, (await counted(box)).length + 3))).toBeUndefined();
});

alone("a repeated operation has the same answer and is not done twice", async ({ box, world }) => {
  const { host } = world.target;
  const [operationId, snapshotId] = [newHexId(16), randomUUID()];
  const command = { name: "createSnapshot", sandboxId: box.id, snapshotId } as const;
  const [first, joined] = await Promise.all([
    host.execute({ operationId, command }),
    host.execute({ operationId, command }),
  ]);
  const again = await host.execute({ operationId, command });
  expect([joined, again]).toEqual([first, first]);
  expect(host.snapshots().filter((snapshot) => snapshot.id === snapshotId).length).toBe(1);
  await refused("host.operation_conflict", () =>
    host.execute({ operationId, command: { name: "pauseSandbox", sandboxId: box.id } }),
  );
  await world.deleteSnapshot(snapshotId);
});

alone("a repeated delete by the same operation succeeds again", async ({ box, world }) => {
  const operationId = newHexId(16);
  const command = { name: "deleteSandbox", sandboxId: box.id } as const;
  expect(await world.execute(command, operationId)).toEqual({});
  expect(await world.execute(command, operationId)).toEqual({});
});

alone(
  "a command for another life of the host is refused",
  async ({ box, world }) => {
    const command = { name: "pauseSandbox", sandboxId: box.id } as const;
    await refused("host.wrong_epoch", () =>
      world.target.host.execute({ operationId: newHexId(16), epoch: "another", command }),
    );
    await refused("host.wrong_epoch", () =>
      world.target.host.execute({ operationId: newHexId(16), hostId: "another", command }),
    );
  },
  { origins: ["fresh"] },
);

alone("commands for one sandbox run in the order of their arrival", async ({ box, world }) => {
  await box.text("echo kept > /dev/shm/kept");
  const steps = [
    world.pause(box),
    world.resume(box),
    world.hibernate(box),
    world.wake(box),
    world.pause(box),
    world.resume(box),
  ];
  expect((await Promise.all(steps)).map((sandbox) => sandbox.state)).toEqual([
    "paused",
    "running",
    "hibernated",
    "running",
    "paused",
    "running",
  ]);
  expect(await box.text("cat /dev/shm/kept")).toBe("kept");
});

alone("what happens is told as events, numbered without gaps", async ({ box, world }) => {
  const { host } = world.target;
  await world.pause(box);
  await world.resume(box);
  await world.delete(box.id);
  const events = host.events(0);
  const mine = events.filter((event) => event.sandboxId === box.id).map((event) => event.type);
  expect(mine).toEqual(["sandbox.running", "sandbox.paused", "sandbox.resumed", "sandbox.deleted"]);
  const numbers = events.map((event) => event.seq);
  expect(numbers, "numbers of events").toEqual(numbers.map((_, index) => numbers[0]! + index));
});

alone(
  "the agent may come back: machines live on with their memory, sleepers sleep on, snapshots stay",
  async ({ box, world, origin }) => {
    const [sleeper, paused] = [await world.make(origin), await world.make(origin)];
    await sleeper.text("echo slept > /dev/shm/slept");
    await paused.text("echo waited > /dev/shm/waited");
    const snapshotId = await world.snapshot(sleeper);
    await world.hibernate(sleeper);
    await world.pause(paused);
    const { id } = await startCounting(box);
    await world.restart();
    const { host } = world.target;
    expect([box, sleeper, paused].map((each) => host.sandbox(each.id).state)).toEqual([
      "running",
      "hibernated",
      "paused",
    ]);
    const before = (await counted(box)).length;
    expect(flawIn(await waitForCount(box, before + 3)), "the count must go on without a gap").toBeUndefined();
    expect((await (await box.guest()).processes()).find((process) => process.id === id)).toMatchObject({
      running: true,
    });
    await world.wake(sleeper);
    expect(await sleeper.text("cat /dev/shm/slept")).toBe("slept");
    await world.resume(paused);
    expect(await paused.text("cat /dev/shm/waited")).toBe("waited");
    expect(await (await world.create({ snapshotId })).text("cat /dev/shm/slept")).toBe("slept");
  },
  { timeoutMs: 120_000 },
);

alone("a machine that dies by itself fails its sandbox, which says why and can be deleted", async ({ box, world }) => {
  await world.kill(box);
  await waitFor(() => world.state(box) === "failed", { timeoutMs: 20_000, message: "the sandbox must be failed" });
  expect(world.target.host.sandbox(box.id).reason).toBeTruthy();
  await refused("sandbox.invalid_state", () => box.run("true"));
  await refused("sandbox.invalid_state", () => world.hibernate(box));
  expect(world.target.host.events(0).some((event) => event.sandboxId === box.id && event.type === "vm.died")).toBe(
    true,
  );
  await world.delete(box.id);
});
