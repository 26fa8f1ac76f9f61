import { Readable } from "node:stream";
import { Refusal, toErrorResponse } from "@pandastack/platform";
import type { Line } from "./ask.ts";

/** Code that says nothing looks dead to clients and proxies. */
export const KEEPALIVE_LIMIT_MS = 5000;

/** A cell's lines as they come, with a sign of life in every silence. */
export function lineStream(lines: AsyncGenerator<Line>, keepaliveMs: number): Readable {
  return Readable.from(withKeepalives(lines, keepaliveMs), { objectMode: false, highWaterMark: 64 * 1024 });
}

async function* withKeepalives(lines: AsyncGenerator<Line>, keepaliveMs: number): AsyncGenerator<Buffer> {
  let next = lines.next();
  try {
    for (;;) {
      const result = await orSilence(next, keepaliveMs);
      if (result === "silence") {
        yield lineOf({ type: "keepalive" });
        continue;
      }
      if (result.done === true) return;
      yield Buffer.from(`${result.value.text}\n`);
      next = lines.next();
    }
  } catch (error) {
    const { body } = toErrorResponse(
      error instanceof Error && error.name === "AbortError"
        ? new Refusal("host.unavailable", "the server is stopping; the code was interrupted")
        : error,
    );
    yield lineOf({ type: "failed", error: body.error, code: body.code });
  } finally {
    next.catch(() => {});
    await lines.return(undefined);
  }
}

const lineOf = (message: unknown) => Buffer.from(`${JSON.stringify(message)}\n`);

async function orSilence<T>(promise: Promise<T>, silenceMs: number): Promise<T | "silence"> {
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
