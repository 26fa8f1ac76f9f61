import { ConnectionError, PandaStackError } from "./errors.ts";
import type { Http, RequestOptions } from "./http.ts";
import { readServerEvents, type ServerEvent } from "./sse.ts";

export type FileChange =
  | { kind: "create" | "write" | "remove" | "rename" | "chmod"; path: string; from?: string; is_dir: boolean }
  /** More happened than could be said: look for yourself. */
  | { kind: "overflow" };

export async function readChanges(
  http: Http,
  path: string,
  query: NonNullable<RequestOptions["query"]>,
  signal: AbortSignal | undefined,
): Promise<AsyncGenerator<FileChange, void>> {
  const response = await http.open("GET", path, { query, headers: { accept: "text/event-stream" }, signal });
  const frames = readServerEvents(response.body ?? new ReadableStream());
  const first = await frames.next();
  if (first.done)
    throw new ConnectionError("the connection ended before the watch began", { code: "client.connection" });
  throwIfError(first.value);
  return changesOf(frames);
}

async function* changesOf(frames: AsyncGenerator<ServerEvent>): AsyncGenerator<FileChange, void> {
  for await (const frame of frames) {
    throwIfError(frame);
    if (frame.event === "overflow") yield { kind: "overflow" };
    else if (frame.event === "change") yield JSON.parse(frame.data) as FileChange;
  }
}

function throwIfError(frame: ServerEvent): void {
  if (frame.event !== "error") return;
  const body = JSON.parse(frame.data) as { error: string; code?: string };
  throw new PandaStackError(body.error, { code: body.code });
}
