import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { comment, eventStream, frame } from "../src/calls/server-sent-events.ts";
import type { ExecEvent } from "../src/hosts/exec-events.ts";
import { processFrames } from "../src/sandboxes/commands/exec-stream.ts";

/** As the published client cuts and reads them, build logs included: a frame with `event: done` in it would end those. */
function readAsPublished(text: string): { name: string; data: unknown }[] {
  const frames = text.split("\n\n");
  expect(frames.pop()).toBe("");
  return frames
    .filter((one) => !one.startsWith(":"))
    .map((one) => {
      expect(one.includes("event: done")).toBe(false);
      let name = "";
      const data: string[] = [];
      for (const line of one.split(/\r?\n/)) {
        if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      }
      return { name, data: JSON.parse(data.join("\n")) };
    });
}

const nasty = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "event: done",
    "data: end\n\n",
    "\r\n\r\n",
    "\n\n",
    "\u2028\u2029",
    "event:done\nevent: exit",
    '{"error":"x"}',
    "   leading",
    "\\u003a",
    "\0",
  ),
);

describe("frames", () => {
  test("carry any text unharmed, in a stream of any others", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom("stdout", "stderr", "line"), nasty)), (said) => {
        const text = said.map(([name, chunk]) => frame(name, { chunk })).join(comment("ping"));
        expect(readAsPublished(text)).toEqual(said.map(([name, chunk]) => ({ name, data: { chunk } })));
      }),
      { seed: 20261122, numRuns: 500 },
    );
  });

  test("of a process put its bytes together again, however they were cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(nasty, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        async (texts, cuts) => {
          const bytes = Buffer.from(texts.join(""), "utf8");
          const events = async function* (): AsyncGenerator<ExecEvent> {
            let at = 0;
            for (let i = 0; at < bytes.length; i++) {
              const size = cuts[i % cuts.length]!;
              yield { kind: "stdout", data: bytes.subarray(at, at + size) };
              at += size;
            }
            yield { kind: "result", result: { exit_code: 0, signal: null, timed_out: false, duration_ms: 1 } };
          };
          let text = "";
          for await (const one of processFrames(events(), "command timeout")) text += one;
          const frames = readAsPublished(text);
          expect(frames.pop()).toMatchObject({ name: "exit", data: { exit_code: 0 } });
          const got = frames.map(({ data }) => (data as { chunk: string }).chunk).join("");
          expect(got).toBe(bytes.toString("utf8"));
        },
      ),
      { seed: 20261122, numRuns: 300 },
    );
  });
});

describe("streams", () => {
  test("begin with a comment, and fill silence with comments", async () => {
    const { promise: silence, resolve: speak } = Promise.withResolvers<void>();
    const source = async function* () {
      await silence;
      yield frame("stdout", { chunk: "late" });
    };
    let text = "";
    for await (const chunk of eventStream(source(), 30)) {
      text += String(chunk);
      if (text.match(/: ping\n\n/g)?.length === 2) speak();
    }
    expect(text.startsWith(": ok\n\n: ping\n\n: ping\n\n")).toBe(true);
    expect(readAsPublished(text)).toEqual([{ name: "stdout", data: { chunk: "late" } }]);
  });

  test("end their source when they are cut", async () => {
    let isOver = false;
    const source = async function* () {
      try {
        for (;;) {
          yield frame("stdout", { chunk: "x" });
          await delay(5);
        }
      } finally {
        isOver = true;
      }
    };
    const stream = eventStream(source(), 15_000);
    for await (const _ of stream) break;
    await waitFor(() => isOver, { timeoutMs: 10_000, message: "its source goes on" });
  });
});
