import { createLogger } from "@pandastack/platform";
import { expect, it } from "vitest";
import { processStat } from "../../src/processes/proc.ts";
import type { MachineRecord } from "../../src/runtimes/runtime.ts";
import { VmmsAhead } from "../../src/sandboxes/ahead.ts";
import { PlainSlots } from "../../src/sandboxes/plain-slots.ts";

it("lets go of machines that wait, starts none while it rests, and goes on", async () => {
  const log = createLogger("test");
  log.level = "silent";
  let [started, destroyed] = [0, 0];
  const alive = { pid: process.pid, pidStartTime: processStat(process.pid)!.startTime };
  const ahead = new VmmsAhead({
    runtime: { destroy: () => Promise.resolve(void destroyed++) } as never,
    slots: new PlainSlots(),
    size: { cpus: 1, memoryMb: 512 },
    count: 3,
    start: (plan) => Promise.resolve({ ...plan, ...alive, started: ++started } as unknown as MachineRecord),
    log,
  });
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
