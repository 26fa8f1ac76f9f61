import { createLogger } from "@pandastack/platform";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { processStat } from "../../src/processes/proc.ts";
import type { MachinePlan, MachineRecord } from "../../src/runtimes/runtime.ts";
import { VmmsAhead } from "../../src/sandboxes/ahead.ts";
import { PlainSlots } from "../../src/sandboxes/plain-slots.ts";

const log = createLogger("test");
log.level = "silent";
const alive = { pid: process.pid, pidStartTime: processStat(process.pid)!.startTime };
let started = 0;
let destroyed = 0;

function keep(
  count: number,
  urgentBelow: number,
  start: (plan: MachinePlan) => Promise<MachineRecord> = (plan) =>
    Promise.resolve({ ...plan, ...alive, started: ++started } as unknown as MachineRecord),
): VmmsAhead {
  return new VmmsAhead({
    runtime: { destroy: () => Promise.resolve(void destroyed++) } as never,
    slots: new PlainSlots(),
    size: { cpus: 1, memoryMb: 512 },
    count,
    urgentBelow,
    start,
    log,
  });
}

beforeEach(() => {
  [started, destroyed] = [0, 0];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("lets go of machines that wait, starts none while it rests, and goes on", async () => {
  const ahead = keep(3, 1);
  await ahead.fill();
  expect(await ahead.rest()).toBe(3);
  expect([started, destroyed]).toEqual([3, 3]);
  expect(await ahead.rest()).toBe(0);
  expect(ahead.take()).toBeUndefined();
  await ahead.fill();
  expect(started).toBe(3);
  ahead.goOn();
  await ahead.fill();
  expect(ahead.take()).toMatchObject({ size: { memoryMb: 512 } });
  await ahead.close();
});

it("starts the next beside a burst only when the last ones are taken, and the rest once it is over", async () => {
  const ahead = keep(8, 2);
  await ahead.fill();
  for (let n = 0; n < 6; n++) expect(ahead.take()).toBeDefined();
  await vi.advanceTimersByTimeAsync(400);
  expect(started).toBe(8);
  expect(ahead.take()).toBeDefined();
  await vi.advanceTimersByTimeAsync(0);
  expect(started).toBe(10);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(started).toBe(15);
  await ahead.close();
});

it("is filled as far as somebody waits for it, and goes on by itself", async () => {
  const ahead = keep(8, 2);
  await ahead.fill(2);
  expect(started).toBeGreaterThanOrEqual(2);
  expect(started).toBeLessThan(8);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(started).toBe(8);
  await ahead.close();
});

it("starts none beside a fork that takes them all", async () => {
  const ahead = keep(2, 0);
  await ahead.fill();
  for (let n = 0; n < 4; n++) expect(ahead.take() !== undefined).toBe(n < 2);
  await vi.advanceTimersByTimeAsync(400);
  expect(started).toBe(2);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(started).toBe(4);
  await ahead.close();
});

it("gives those that are being started to who comes next, and no more of them than there are", async () => {
  const ahead = keep(2, 1);
  await ahead.fill();
  const taken = Array.from({ length: 6 }, () => ahead.takeSoon());
  // Two were ready; with the second of them gone the next two are begun, for those who come then; the others begin their own.
  const plans = await Promise.all(taken);
  expect(plans.map((plan) => plan !== undefined)).toEqual([true, true, true, true, false, false]);
  const ids = plans.flatMap((plan) => (plan ? [plan.machineId] : []));
  expect(new Set(ids).size).toBe(4);
  await ahead.close();
  expect(destroyed, "what was given away is no longer its own").toBe(started - 4);
});

it("who waits for one that cannot be started begins another", async () => {
  const ahead = keep(1, 1, () => Promise.reject(new Error("no")));
  const [one, other] = await Promise.all([ahead.takeSoon(), ahead.takeSoon()]);
  expect([one, other]).toEqual([undefined, undefined]);
  expect(await ahead.takeSoon()).toBeUndefined();
  await ahead.close();
});

it("gives none while it rests", async () => {
  const ahead = keep(2, 1);
  await ahead.rest();
  expect(await ahead.takeSoon()).toBeUndefined();
  expect(started).toBe(0);
  await ahead.close();
});
