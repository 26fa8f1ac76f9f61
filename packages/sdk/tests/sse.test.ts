import { fc, test } from "@fast-check/vitest";
import { expect, it } from "vitest";
import { ConnectionError } from "../src/index.ts";
import { readServerEvents, type ServerEvent, ServerEventParser } from "../src/transport/sse.ts";

/** One line of a frame's data: anything without line ends. */
const line = fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replaceAll(/[\r\n\uFEFF]/g, ""));
const frame = fc.record({
  event: fc.constantFrom("message", "stdout", "exit", "a b"),
  data: fc.array(line, { minLength: 1, maxLength: 4 }).map((lines) => lines.join("\n")),
});
const lineEnd = fc.constantFrom("\n", "\r", "\r\n");

function write(frames: ServerEvent[], end: string, noise: string[]): string {
  return frames
    .map(({ event, data }, index) => {
      const comment = noise[index] === undefined ? "" : `: ${noise[index]}${end}${index % 2 === 0 ? end : ""}`;
      const lines = data.split("\n").map((text) => `data: ${text}${end}`);
      return `${comment}${event === "message" ? "" : `event: ${event}${end}`}${lines.join("")}${end}`;
    })
    .join("");
}

test.prop([fc.array(frame, { maxLength: 6 }), lineEnd, fc.array(line, { maxLength: 6 }), fc.array(fc.nat({ max: 9 }))])(
  "frames are the same in any chunking, with any line ends, with heartbeats between",
  async (frames, end, noise, sizes) => {
    const bytes = new TextEncoder().encode(`${write(frames, end, noise)}event: cut${end}data: off`);
    let [at, turn] = [0, 0];
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        const size = 1 + (sizes[turn++ % Math.max(1, sizes.length)] ?? 0);
        controller.enqueue(bytes.slice(at, at + size));
        at += size;
      },
    });
    const read: ServerEvent[] = [];
    for await (const each of readServerEvents(body)) read.push(each);
    expect(read).toEqual(frames);
  },
);

test.prop([fc.string({ unit: "binary" })])("no text breaks the parser", (text) => {
  for (const { data } of new ServerEventParser().push(text)) expect(typeof data).toBe("string");
});

it("calls a server that says nothing at all gone, not one that has little to say", async () => {
  const silent = new ReadableStream<Uint8Array>({});
  await expect(readServerEvents(silent, 20).next()).rejects.toBeInstanceOf(ConnectionError);
  let beats = 0;
  const slow = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      beats += 1;
      controller.enqueue(new TextEncoder().encode(beats < 5 ? ": ping\n\n" : "data: here\n\n"));
    },
  });
  const frames = readServerEvents(slow, 5_000);
  expect((await frames.next()).value).toEqual({ event: "message", data: "here" });
  await frames.return();
});
