import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { treeOf } from "../e2e/support/process-tree.ts";
import type { Box } from "./suite/box.ts";
import type { World } from "./suite/world.ts";

/** The process that calls sentries for this host agent, which lives in the test's own process. */
const callers = (): number[] =>
  treeOf(process.pid)
    .filter(({ command }) => command.includes("/pandastack-call "))
    .map(({ pid }) => pid);

const kill = (signal: NodeJS.Signals): number[] => {
  const pids = callers();
  for (const pid of pids) process.kill(pid, signal);
  return pids;
};

/** How far into a deed the caller is killed: before a call, in the middle of one, after it. */
const MOMENTS_MS = [0, 10, 25, 50];
/** A call that was written down for it by then. */
const ASKED_MS = 150;

/** The caller is killed at whatever moment: all that was asked is done, and nothing is lost. */
export async function expectCallerMayDie(world: World): Promise<void> {
  const deaths = world.unexplainedDeaths();
  const box = await world.create({ template: "base" });
  await box.text("head -c 3000000 /dev/urandom > /root/data; sha256sum /root/data > /dev/shm/sum");
  const { pid } = await box.background("sleep 1000000");
  const isWhole = async (one: Box) =>
    expect(await one.text(`sha256sum -c --quiet /dev/shm/sum && kill -0 ${pid} && echo whole`)).toBe("whole");

  const deeds: Record<string, () => Promise<unknown>> = {
    pause: () => world.pause(box),
    resume: () => world.resume(box),
    snapshot: async () => {
      const snapshotId = await world.snapshot(box);
      await isWhole(await world.create({ snapshotId }));
    },
    fork: async () => isWhole((await world.fork(box, 1))[0]!),
    hibernate: () => world.hibernate(box),
    wake: () => world.wake(box),
    create: async () => expect(await (await world.create({ template: "base" })).text("echo new")).toBe("new"),
  };
  let killed = 0;
  for (const deed of Object.values(deeds)) {
    // It has been asked and has not listened.
    const deaf = kill("SIGSTOP");
    const strike = delay(deaf.length === 0 ? 0 : ASKED_MS).then(() => (killed += kill("SIGKILL").length));
    await Promise.all([deed(), strike]);
  }
  for (const afterMs of MOMENTS_MS) {
    for (const deed of Object.values(deeds)) {
      const strike = delay(afterMs).then(() => (killed += kill("SIGKILL").length));
      await Promise.all([deed(), strike]);
    }
    await isWhole(box);
  }
  expect(killed).toBeGreaterThan(Object.keys(deeds).length);

  // One that dies always: what is asked is refused as something to be tried again, and nothing ends.
  let isOver = false;
  const always = (async () => {
    while (!isOver) {
      kill("SIGKILL");
      await delay(1);
    }
  })();
  try {
    const refusals = await Promise.allSettled([world.snapshot(box), world.snapshot(box), world.hibernate(box)]);
    for (const one of refusals)
      if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "host.unavailable" });
  } finally {
    isOver = true;
    await always;
  }
  if (world.state(box) === "hibernated") await world.wake(box);
  await isWhole(box);
  expect(world.unexplainedDeaths()).toEqual(deaths);
}
