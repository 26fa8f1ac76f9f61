import { describe, expect, test } from "vitest";
import { WorkQueue } from "../src/hosts/work-queue.ts";

const never = new AbortController().signal;
const limits = (given: Partial<{ inFlight: number; waiting: number; waitMs: number }> = {}) => ({
  inFlight: () => given.inFlight ?? 1,
  waiting: given.waiting ?? 100,
  waitMs: given.waitMs ?? 10_000,
});
const claim = (workspace: string, weight = 1, signal = never) => ({ workspace, weight, signal });

/** A task that ends when told to. */
function task() {
  const { promise, resolve } = Promise.withResolvers<void>();
  let hasBegun = false;
  return {
    run: () => {
      hasBegun = true;
      return promise;
    },
    end: resolve,
    get hasBegun() {
      return hasBegun;
    },
  };
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("the queue of a host's work", () => {
  test("never has more in flight than it may, and does everything", async () => {
    const queue = new WorkQueue(limits({ inFlight: 4, waiting: 1000 }));
    let now = 0;
    let most = 0;
    const done = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        queue.run(claim(`w${index % 3}`, 1 + (index % 5)), async () => {
          now += Math.min(4, 1 + (index % 5));
          most = Math.max(most, now);
          await settle();
          now -= Math.min(4, 1 + (index % 5));
          return index;
        }),
      ),
    );
    expect(done).toEqual(Array.from({ length: 200 }, (_, index) => index));
    expect(most).toBe(4);
    expect([queue.depth, queue.inFlight]).toEqual([0, 0]);
  });

  test("workspaces take turns, however many one of them sends", async () => {
    const queue = new WorkQueue(limits());
    const order: string[] = [];
    const run = (workspace: string) => queue.run(claim(workspace), async () => void order.push(workspace));
    const first = task();
    const all = [queue.run(claim("first"), first.run)];
    for (let i = 0; i < 5; i++) all.push(run("greedy"));
    all.push(run("small"), run("small"));
    first.end();
    await Promise.all(all);
    expect(order).toEqual(["greedy", "small", "greedy", "small", "greedy", "greedy", "greedy"]);
  });

  test("a large claim is not overtaken for ever, and one larger than the host gets the whole host", async () => {
    const queue = new WorkQueue(limits({ inFlight: 2 }));
    const [small, large, later] = [task(), task(), task()];
    const all = [
      queue.run(claim("a"), small.run),
      queue.run(claim("b", 16), large.run),
      queue.run(claim("c"), later.run),
    ];
    await settle();
    expect([small.hasBegun, large.hasBegun, later.hasBegun]).toEqual([true, false, false]);
    small.end();
    await settle();
    expect([large.hasBegun, later.hasBegun]).toEqual([true, false]);
    large.end();
    later.end();
    await Promise.all(all);
  });

  test("what does not get its turn in time is refused with when to come again, and takes no turn", async () => {
    const queue = new WorkQueue(limits({ waitMs: 50 }));
    const first = task();
    const running = queue.run(claim("a"), first.run);
    await expect(queue.run(claim("a"), task().run)).rejects.toMatchObject({
      code: "capacity.unavailable",
      retryAfterSeconds: 1,
    });
    expect(queue.depth).toBe(0);
    first.end();
    await running;
    await queue.run(claim("a"), async () => {});
  });

  test("a caller that goes away leaves, and its task is never begun", async () => {
    const queue = new WorkQueue(limits());
    const [first, gone] = [task(), task()];
    const running = queue.run(claim("a"), first.run);
    const caller = new AbortController();
    const waiting = queue.run(claim("a", 1, caller.signal), gone.run);
    expect(queue.depth).toBe(1);
    caller.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
    expect(queue.depth).toBe(0);
    first.end();
    await running;
    expect(gone.hasBegun).toBe(false);
    await expect(queue.run(claim("a", 1, caller.signal), gone.run)).rejects.toMatchObject({ name: "AbortError" });
  });

  test("a full queue makes room for a workspace that has fewer in it, at the cost of who has the most", async () => {
    const queue = new WorkQueue(limits({ waiting: 3 }));
    const first = task();
    const running = queue.run(claim("greedy"), first.run);
    const outcomes: string[] = [];
    const wait = (name: string) =>
      queue
        .run(claim(name.slice(0, 5)), async () => {})
        .then(
          () => outcomes.push(`${name} served`),
          (error: { code: string }) => outcomes.push(`${name} ${error.code}`),
        );
    const all = [wait("greed1"), wait("greed2"), wait("greed3"), wait("greed4"), wait("small1")];
    await settle();
    expect(outcomes).toEqual(["greed4 capacity.unavailable", "greed3 capacity.unavailable"]);
    first.end();
    await Promise.all([running, ...all]);
    expect(outcomes.slice(2)).toEqual(["greed1 served", "small1 served", "greed2 served"]);
  });

  test("a task that throws gives its share back", async () => {
    const queue = new WorkQueue(limits());
    await expect(queue.run(claim("a"), async () => Promise.reject(new Error("x")))).rejects.toThrow("x");
    await queue.run(claim("a"), async () => {});
    expect(queue.inFlight).toBe(0);
  });
});
