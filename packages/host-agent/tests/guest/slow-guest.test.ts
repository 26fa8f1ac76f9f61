import { duplexPair } from "node:stream";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { GuestClient } from "../../src/guest/client.ts";
import { GuestConnection } from "../../src/guest/connection.ts";
import { encodeJsonFrame, FrameParser, FrameType } from "../../src/guest/frames.ts";

/** Longer than a time may be on its way. */
const LATE_MS = 40;

// Time passes as the guest says, and not while this process waits for its turn.
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** Answers whatever it is asked after so many milliseconds, one after the other; what it was asked, in order. */
function guestThatTakes(delaysMs: readonly number[]): { client: GuestClient; asked: string[] } {
  const [host, inside] = duplexPair();
  const parser = new FrameParser();
  const asked: string[] = [];
  inside.on("data", (chunk: Buffer) => {
    for (const frame of parser.push(chunk)) {
      if (frame.type !== FrameType.open) continue;
      const { op } = JSON.parse(frame.payload.toString()) as { op: string };
      const delayMs = delaysMs[asked.push(op) - 1] ?? 0;
      const answer = encodeJsonFrame(FrameType.result, frame.stream, { ok: {} });
      setTimeout(() => inside.write(answer), delayMs);
    }
  });
  const connection = new GuestConnection(host);
  onTestFinished(() => connection.close());
  return { client: new GuestClient(connection), asked };
}

const settled = () => vi.advanceTimersByTimeAsync(20 * LATE_MS);

test("a time that was long on its way is told again, until one was not", async () => {
  const { client, asked } = guestThatTakes([LATE_MS, LATE_MS, 0]);
  client.tellTime();
  await settled();
  expect(asked).toEqual(["clock.set", "clock.set", "clock.set"]);
});

test("one that was heard at once is told once", async () => {
  const { client, asked } = guestThatTakes([0]);
  client.tellTime();
  await settled();
  expect(asked).toEqual(["clock.set"]);
});

test("a guest that is always late is let alone", async () => {
  const { client, asked } = guestThatTakes(Array.from({ length: 10 }, () => LATE_MS));
  client.tellTime();
  await settled();
  expect(asked).toHaveLength(4);
});
