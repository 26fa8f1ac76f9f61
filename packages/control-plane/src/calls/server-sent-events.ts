import { Readable } from "node:stream";

/**
 * One frame; `id` is what a client says in `Last-Event-ID` when it comes again. Cut off by exactly LF LF. JSON has no raw line breaks, so `data` is always one line. `event:` inside it is
 * spelled otherwise: the published client ends build logs at any frame that contains `event: done`, wherever it stands.
 */
export function frame(event: string | null, data: unknown, id?: number): string {
  const text = JSON.stringify(data).replaceAll("event:", String.raw`event\u003a`);
  const place = id === undefined ? "" : `id: ${id}\n`;
  return event === null ? `${place}data: ${text}\n\n` : `${place}event: ${event}\ndata: ${text}\n\n`;
}

/** Ignored by every client; keeps the connection alive and gets the headers out. */
export const comment = (text: string): string => `: ${text}\n\n`;

/**
 * The frames as a byte stream with backpressure, after a first comment, with heartbeats in every silence. `source` must end
 * by itself when the caller's signal fires: a generator that waits cannot be interrupted from outside.
 */
export function eventStream(source: AsyncIterable<string>, heartbeatMs: number): Readable {
  return Readable.from(withHeartbeats(source, heartbeatMs), { objectMode: false, highWaterMark: 64 * 1024 });
}

async function* withHeartbeats(source: AsyncIterable<string>, heartbeatMs: number): AsyncGenerator<Buffer> {
  yield Buffer.from(comment("ok"));
  const iterator = source[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    for (;;) {
      const result = await raceWithSilence(next, heartbeatMs);
      if (result === "silence") {
        yield Buffer.from(comment("ping"));
        continue;
      }
      if (result.done === true) return;
      yield Buffer.from(result.value);
      next = iterator.next();
    }
  } finally {
    next.catch(() => {});
    await iterator.return?.(undefined);
  }
}

async function raceWithSilence<T>(promise: Promise<T>, silenceMs: number): Promise<T | "silence"> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<"silence">((resolve) => {
    timer = setTimeout(() => resolve("silence"), silenceMs);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
