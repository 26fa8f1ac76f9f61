import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { readServerEvents } from "../src/transport/sse.ts";

const text =
  ': ping\n\nevent: stdout\ndata: {"chunk":"häl\\nlo"}\n\ndata: two\ndata: lines\n\nevent: exit\ndata: {"exit_code":0}\n\nevent: cut';

test.prop([fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 60 })])(
  "frames are the same in any chunking",
  async (sizes) => {
    const bytes = new TextEncoder().encode(text);
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const size = 1 + (sizes[at % sizes.length] ?? 0);
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.slice(at, at + size));
        at += size;
      },
    });
    const frames = [];
    for await (const frame of readServerEvents(body)) frames.push(frame);
    expect(frames).toEqual([
      { event: "stdout", data: '{"chunk":"häl\\nlo"}' },
      { event: "message", data: "two\nlines" },
      { event: "exit", data: '{"exit_code":0}' },
    ]);
  },
);
