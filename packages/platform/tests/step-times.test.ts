import { expect, test } from "vitest";
import { addStepTimes, markStep, parseServerTiming, serverTiming, withStepTimes } from "@pandastack/platform";

test("steps are noted in the order in which they end, and each request has its own", async () => {
  const request = (names: string[]) =>
    withStepTimes(async () => {
      for (const name of names) {
        await new Promise((resolve) => setImmediate(resolve));
        markStep(name);
      }
      return names.length;
    });
  const [one, two] = await Promise.all([request(["a", "b"]), request(["c"])]);
  expect(one.result).toBe(2);
  expect(one.steps.map(({ name }) => name)).toEqual(["a", "b", "total"]);
  expect(two.steps.map(({ name }) => name)).toEqual(["c", "total"]);
  const [a, b, total] = one.steps.map(({ ms }) => ms);
  expect(a! + b!).toBeLessThanOrEqual(total!);
});

test("nobody's steps are nothing", () => {
  expect(() => markStep("a")).not.toThrow();
  expect(() => addStepTimes("host", "a;dur=1")).not.toThrow();
});

test("time that has passed before counts", async () => {
  const { steps } = await withStepTimes(async () => markStep("before"), 1000);
  expect(steps[0]!.ms).toBeGreaterThanOrEqual(1000);
  expect(steps.at(-1)!.ms).toBeGreaterThanOrEqual(1000);
});

test("steps of another process come with its header, however odd that is", async () => {
  const header = serverTiming([{ name: "slot", ms: 1.234 }]);
  expect(header).toBe("slot;dur=1.23");
  const { steps } = await withStepTimes(async () => addStepTimes("host", `${header}, cache;desc="x", ;dur=3, x;dur=a`));
  expect(steps[0]).toEqual({ name: "host.slot", ms: 1.23 });
  expect(steps).toHaveLength(2);
  expect(parseServerTiming("")).toEqual([]);
});

test("a request that never stops marking is bounded", async () => {
  const { steps } = await withStepTimes(async () => {
    for (let n = 0; n < 1000; n++) markStep("again");
  });
  expect(steps.length).toBeLessThan(50);
});
