import { createLogger } from "@pandastack/platform";
import { expect, it } from "vitest";
import { processStat } from "../../src/processes/proc.ts";
import type { MachinePlan, MachineRecord } from "../../src/runtimes/runtime.ts";
import { PlainSlots } from "../../src/sandboxes/plain-slots.ts";
import { Stock } from "../../src/sandboxes/stock.ts";

const log = createLogger("test");
log.level = "silent";
const size = { cpus: 1, memoryMb: 512 };

function stockOf(preparedAlike?: (imageDir: string) => string): Stock {
  const alive = { pid: process.pid, pidStartTime: processStat(process.pid)!.startTime };
  const prepare = (plan: MachinePlan) => Promise.resolve({ ...plan, ...alive } as unknown as MachineRecord);
  const runtime = { prepare, destroy: () => Promise.resolve(), ...(preparedAlike && { preparedAlike }) } as never;
  return new Stock({ runtime, slots: new PlainSlots(), imageDir: "/template", size, count: 2, log });
}

it("gives what was prepared for the default image to that image alone", async () => {
  const stock = stockOf();
  await stock.fill();
  expect(await stock.take({ imageDir: "/snapshot", size, durable: false })).toBeUndefined();
  expect(await stock.take({ imageDir: "/template", size, durable: true })).toBeUndefined();
  expect(await stock.take({ imageDir: "/template", size, durable: false })).toMatchObject({ imageDir: "/template" });
  await stock.close();
});

it("gives it to images of the same kind where the runtime says which those are", async () => {
  const stock = stockOf((imageDir) => (imageDir.startsWith("/other") ? "other" : "base"));
  await stock.fill();
  expect(await stock.take({ imageDir: "/other", size, durable: false })).toBeUndefined();
  expect(await stock.take({ imageDir: "/snapshot", size: { cpus: 2, memoryMb: 512 }, durable: false })).toBeUndefined();
  expect(await stock.take({ imageDir: "/snapshot", size, durable: true })).toMatchObject({
    imageDir: "/snapshot",
    durable: true,
  });
  await stock.close();
});
