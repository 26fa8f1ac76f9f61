import { expect, test } from "vitest";
import { KeyedQueue } from "../../src/sandboxes/queue.ts";

test("work of one key runs in order of arrival, one at a time, whatever fails", async () => {
  const queue = new KeyedQueue();
  const said: string[] = [];
  const gates = new Map<string, () => void>();
  const work = (name: string, fails = false) =>
    queue.run("sandbox", async () => {
      said.push(`${name} begins`);
      await new Promise<void>((resolve) => gates.set(name, resolve));
      said.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
  const first = work("first", true);
  const second = work("second");
  const other = queue.run("other", async () => said.push("other"));
  await other;
  expect(said).toEqual(["first begins", "other"]);
  gates.get("first")!();
  await expect(first).rejects.toThrow("first");
  await expect.poll(() => gates.has("second")).toBe(true);
  gates.get("second")!();
  await second;
  expect(said).toEqual(["first begins", "other", "first ends", "second begins", "second ends"]);
  await queue.idle();
});
