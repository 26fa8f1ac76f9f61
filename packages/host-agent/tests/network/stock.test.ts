import { setImmediate as nextTurn } from "node:timers/promises";
import { fc, test } from "@fast-check/vitest";
import { waitFor } from "@pandastack/platform";
import { describe, expect, it } from "vitest";
import { Stock } from "../../src/network/slots/stock.ts";

/** A maker whose work ends when the test says so. */
function makeByHand() {
  let made = 0;
  const pending: { finish: () => void; fail: (error: Error) => void }[] = [];
  const make = (): Promise<number> =>
    new Promise((resolve, reject) => pending.push({ finish: () => resolve(made++), fail: reject }));
  return { make, pending };
}

const quiet = {
  target: 2,
  concurrency: 2,
  calmMs: 0,
  retryAfterMs: 60_000,
  onFailure: () => undefined,
};

describe("the stock", () => {
  it("hands out what is ready at once and makes more", async () => {
    const { make, pending } = makeByHand();
    const stock = new Stock({ ...quiet, make });
    stock.fill();
    pending.splice(0).forEach(({ finish }) => finish());
    await waitFor(() => stock.readyCount === 2, { timeoutMs: 10_000, message: "not filled" });
    await expect(stock.take()).resolves.toBe(0);
    expect(pending).toHaveLength(0);
    await waitFor(() => pending.length === 1, { timeoutMs: 10_000, message: "not filled again" });
  });

  it("never makes more than it may at a time", async () => {
    let running = 0;
    let most = 0;
    const stock = new Stock({
      ...quiet,
      target: 20,
      concurrency: 3,
      make: async () => {
        most = Math.max(most, ++running);
        await nextTurn();
        return running--;
      },
    });
    stock.fill();
    await waitFor(() => stock.readyCount === 20, { timeoutMs: 10_000, message: "not filled" });
    expect(most).toBe(3);
  });

  it("tells one waiter of a failure and goes on with the others", async () => {
    const { make, pending } = makeByHand();
    const stock = new Stock({ ...quiet, target: 0, concurrency: 1, make });
    const first = stock.take();
    const second = stock.take();
    pending[0]!.fail(new Error("no luck"));
    await expect(first).rejects.toThrow("no luck");
    await waitFor(() => pending.length === 2, { timeoutMs: 10_000, message: "gave up" });
    pending[1]!.finish();
    await expect(second).resolves.toBe(0);
  });

  it("leaves it for a while after a failure, and then fills up", async () => {
    let isBroken = true;
    let attempts = 0;
    const make = (): Promise<number> => (++attempts, isBroken ? Promise.reject(new Error("no")) : Promise.resolve(1));
    const stock = new Stock({ ...quiet, concurrency: 1, retryAfterMs: 300, make });
    stock.fill();
    await waitFor(() => attempts === 1, { timeoutMs: 10_000, message: "never tried" });
    await nextTurn();
    expect(attempts).toBe(1);
    isBroken = false;
    await waitFor(() => stock.readyCount === 2, { timeoutMs: 10_000, message: "not filled" });
  });

  it("hands over everything when it closes, what was under way included", async () => {
    const { make, pending } = makeByHand();
    const stock = new Stock({ ...quiet, make });
    stock.fill();
    const closing = stock.close();
    pending.forEach(({ finish }) => finish());
    expect((await closing).toSorted()).toEqual([0, 1]);
    await expect(stock.take()).rejects.toThrow("stopping");
  });

  test.prop([fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 15 })])(
    "gives nobody what another has",
    async (target, concurrency, takers) => {
      let made = 0;
      const stock = new Stock({
        ...quiet,
        target,
        concurrency,
        make: async () => (await nextTurn(), made++),
      });
      const taken = await Promise.all(Array.from({ length: takers }, () => stock.take()));
      expect(new Set([...taken, ...(await stock.close())]).size).toBe(made);
    },
  );
});
