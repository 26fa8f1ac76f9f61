import { ConnectionError, errorOfBody } from "../errors/errors.ts";
import type { Http, RequestOptions } from "../transport/http.ts";
import { readServerEvents, type ServerEvent } from "../transport/sse.ts";
import { Stream } from "../transport/stream.ts";

/** Something that happened below a watched path. */
export type FileChange =
  | { kind: "create" | "write" | "remove" | "rename" | "chmod"; path: string; from?: string; is_dir: boolean }
  /** More happened than could be said: look for yourself. */
  | { kind: "overflow" };

/** Answers once the server watches: nothing that happens after that is missed. */
export async function openWatch(
  http: Http,
  path: string,
  query: NonNullable<RequestOptions["query"]>,
  options: { signal?: AbortSignal | undefined; timeoutMs?: number | undefined },
): Promise<Stream<FileChange>> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const headers = { accept: "text/event-stream" };
  const response = await http.open("GET", path, { query, headers, signal, timeoutMs: options.timeoutMs });
  const frames = readServerEvents(response.body ?? new ReadableStream());
  const first = await frames.next();
  if (first.done)
    throw new ConnectionError("the connection ended before the watch began", { code: "client.connection" });
  throwIfError(first.value);
  return new Stream(async function* (closed) {
    closed.addEventListener("abort", () => stop.abort(), { once: true });
    yield* changesOf(frames);
  }, options.signal);
}

async function* changesOf(frames: AsyncGenerator<ServerEvent>): AsyncGenerator<FileChange, void> {
  for await (const frame of frames) {
    throwIfError(frame);
    if (frame.event === "overflow") yield { kind: "overflow" };
    else if (frame.event === "change") yield JSON.parse(frame.data) as FileChange;
  }
}

function throwIfError(frame: ServerEvent): void {
  if (frame.event === "error") throw errorOfBody(JSON.parse(frame.data));
}
