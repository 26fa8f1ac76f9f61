import { errorOfBody } from "../errors/errors.ts";
import type { CallOptions, Http } from "../transport/http.ts";
import { readServerEvents } from "../transport/sse.ts";
import { Stream } from "../transport/stream.ts";

/** Which lines, and whether those to come too. */
export interface LogOptions extends CallOptions {
  stream?: "stdout" | "stderr" | "both" | undefined;
  /** Only the last so many lines. */
  tail?: number | undefined;
  /** Goes on until the sandbox ends or the caller leaves the loop. */
  follow?: boolean | undefined;
}

export function openLogs(http: Http, sandboxPath: string, options: LogOptions): Stream<string> {
  return new Stream((signal) => readLogs(http, sandboxPath, options, signal), options.signal);
}

async function* readLogs(
  http: Http,
  sandboxPath: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const response = await http.open("GET", `${sandboxPath}/logs`, {
    query: { stream: options.stream, tail: options.tail, follow: options.follow },
    headers: { accept: options.follow ? "text/event-stream" : "text/plain" },
    signal,
    timeoutMs: options.timeoutMs,
  });
  if (response.body === null) return;
  yield* options.follow ? followedLines(response.body) : storedLines(response.body);
}

async function* followedLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  for await (const { data } of readServerEvents(body)) {
    const value = JSON.parse(data) as { line?: string; error?: string };
    if (value.error !== undefined) throw errorOfBody(value);
    yield value.line ?? "";
  }
}

async function* storedLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of body) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  pending += decoder.decode();
  if (pending !== "") yield pending;
}
