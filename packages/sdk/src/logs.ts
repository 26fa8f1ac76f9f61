import { PandaStackError } from "./errors.ts";
import type { Http } from "./http.ts";
import { readServerEvents } from "./sse.ts";

export interface LogOptions {
  stream?: "stdout" | "stderr" | "both" | undefined;
  /** Only the last so many lines. */
  tail?: number | undefined;
  /** Goes on until the sandbox ends or the caller leaves the loop. */
  follow?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** The sandbox's console and what API-started commands wrote, line by line. */
export async function* readLogs(http: Http, sandboxPath: string, options: LogOptions): AsyncGenerator<string, void> {
  const response = await http.open("GET", `${sandboxPath}/logs`, {
    query: { stream: options.stream, tail: options.tail, follow: options.follow },
    headers: { accept: options.follow ? "text/event-stream" : "text/plain" },
    signal: options.signal,
  });
  if (response.body === null) return;
  yield* options.follow ? followedLines(response.body) : storedLines(response.body);
}

async function* followedLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  for await (const { data } of readServerEvents(body)) {
    const value = JSON.parse(data) as { line?: string; error?: string; code?: string };
    if (value.error !== undefined) throw new PandaStackError(value.error, { code: value.code });
    yield value.line ?? "";
  }
}

async function* storedLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  let pending = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split(/\r?\n/);
    pending = lines.pop() ?? "";
    yield* lines;
  }
  if (pending !== "") yield pending;
}
