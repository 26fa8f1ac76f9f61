import { fc, test } from "@fast-check/vitest";
import { expect, it } from "vitest";
import { PandaStack, PandaStackError } from "../src/index.ts";
import { parseRetryAfter } from "../src/errors/errors.ts";
import { LEAST_ATTEMPT_MS, MAX_ATTEMPTS, pauseBefore } from "../src/transport/retry.ts";
import { fakeServer, sendJson } from "./support.ts";

const failure = (facts: ConstructorParameters<typeof PandaStackError>[1]) => new PandaStackError("no", facts);

test.prop([fc.integer({ min: 1, max: MAX_ATTEMPTS - 1 }), fc.double({ min: 0, max: 1, noNaN: true })])(
  "pauses grow, differ, and stay below five seconds",
  (attempt, random) => {
    const pauseMs = pauseBefore(attempt, failure({ retryable: true, status: 503 }), true, random)!;
    const longestMs = 250 * 2 ** (attempt - 1);
    expect(pauseMs).toBeGreaterThanOrEqual(longestMs / 2);
    expect(pauseMs).toBeLessThanOrEqual(Math.min(longestMs, 5_000));
  },
);

test.prop([fc.nat({ max: 60_000 }), fc.double({ min: 0, max: 1, noNaN: true })])(
  "nobody comes back before the server said",
  (retryAfterMs, random) => {
    const pauseMs = pauseBefore(1, failure({ retryable: true, status: 429, retryAfterMs }), true, random)!;
    expect(pauseMs).toBeGreaterThanOrEqual(retryAfterMs);
    expect(pauseMs).toBeLessThanOrEqual(retryAfterMs * 1.25);
  },
);

it("repeats only what may be, and what helps", () => {
  const busy = failure({ retryable: true, status: 503 });
  expect(pauseBefore(1, busy, false)).toBeUndefined();
  expect(pauseBefore(MAX_ATTEMPTS, busy, true)).toBeUndefined();
  expect(pauseBefore(1, failure({ status: 503 }), true)).toBeUndefined();
  expect(pauseBefore(1, new Error("a bug"), true)).toBeUndefined();
  // Refused before anything was done: also a command may be asked for again.
  expect(pauseBefore(1, failure({ retryable: true, status: 429 }), false)).toBeGreaterThan(0);
});

it("understands Retry-After as seconds and as a date", () => {
  expect(parseRetryAfter("2")).toBe(2_000);
  expect(parseRetryAfter("0")).toBe(0);
  expect(parseRetryAfter("Thu, 01 Jan 2026 00:00:10 GMT", Date.parse("2026-01-01T00:00:00Z"))).toBe(10_000);
  expect(parseRetryAfter("Thu, 01 Jan 2026 00:00:10 GMT", Date.parse("2026-02-01T00:00:00Z"))).toBe(0);
  expect(parseRetryAfter("soon")).toBeUndefined();
  expect(parseRetryAfter("")).toBeUndefined();
});

it("gives the reason at once when the server asks for more patience than there is time", async () => {
  const { url, seen } = await fakeServer((_, response) =>
    sendJson(response, 429, { error: "full", code: "capacity.unavailable", retryable: true }, { "retry-after": "30" }),
  );
  const begun = performance.now();
  const asked = new PandaStack({ baseUrl: url }).sandboxes.create({ timeoutMs: 15_000 });
  await expect(asked).rejects.toMatchObject({ code: "capacity.unavailable", retryAfterMs: 30_000 });
  expect(performance.now() - begun).toBeLessThan(20_000);
  expect(seen).toHaveLength(1);
});

it("gives the reason, too, when there is hardly time for one more", async () => {
  let asked = 0;
  const busy = async () => {
    asked += 1;
    const body = { error: "away", code: "host.unavailable", retryable: true };
    return Response.json(body, { status: 503, headers: { "retry-after": "0" } });
  };
  const client = new PandaStack({ baseUrl: "http://127.0.0.1:9", fetch: busy });
  const timeoutMs = LEAST_ATTEMPT_MS - 50;
  await expect(client.sandboxes.get("x", { timeoutMs })).rejects.toMatchObject({ code: "host.unavailable" });
  expect(asked).toBe(1);
});

it("stops waiting for its turn when aborted", async () => {
  const { url } = await fakeServer((_, response) =>
    sendJson(response, 503, { error: "away", code: "host.unavailable", retryable: true }, { "retry-after": "20" }),
  );
  const abort = new AbortController();
  const asked = new PandaStack({ baseUrl: url }).sandboxes.get("x", { signal: abort.signal });
  setTimeout(() => abort.abort(new Error("enough")), 50);
  await expect(asked).rejects.toThrow("enough");
});
