import { ConnectionError, errorOfBody, NotFoundError, PandaStackError } from "../errors/errors.ts";
import type { CallOptions, Http } from "../transport/http.ts";
import { readServerEvents } from "../transport/sse.ts";
import { Stream } from "../transport/stream.ts";
import type { EventInfo } from "../types.ts";

/** Which events, and whether those to come too. */
export interface EventOptions extends CallOptions {
  /** Only events with a greater id: where an earlier reader stopped. */
  since?: number | undefined;
  /** How many of the newest; default 50. */
  tail?: number | undefined;
  /** Goes on until the sandbox is gone or the caller leaves the loop; a broken connection is made anew, and nothing is missed. */
  follow?: boolean | undefined;
}

/** Connections in a row that brought nothing: then the server is away for longer than a restart. */
const MAX_EMPTY_CONNECTIONS = 3;

export function openEvents(http: Http, sandboxPath: string, options: EventOptions): Stream<EventInfo> {
  return new Stream(
    (signal) =>
      options.follow === true
        ? followEvents(http, `${sandboxPath}/events`, options, signal)
        : storedEvents(http, `${sandboxPath}/events`, options, signal),
    options.signal,
  );
}

async function* storedEvents(
  http: Http,
  path: string,
  options: EventOptions,
  signal: AbortSignal,
): AsyncGenerator<EventInfo, void> {
  const { since, tail, timeoutMs } = options;
  const answer = await http.json<{ events: EventInfo[] }>("GET", path, { query: { since, tail }, timeoutMs, signal });
  yield* answer.events;
}

async function* followEvents(
  http: Http,
  path: string,
  options: EventOptions,
  signal: AbortSignal,
): AsyncGenerator<EventInfo, void> {
  let { since, tail } = options;
  let hasFollowed = false;
  const headers = { accept: "text/event-stream" };
  for (let empty = 0; ; empty++) {
    const query = { follow: true, since, tail };
    try {
      const response = await http.open("GET", path, { query, headers, signal, timeoutMs: options.timeoutMs });
      hasFollowed = true;
      for await (const frame of readServerEvents(response.body ?? new ReadableStream())) {
        const value = JSON.parse(frame.data) as EventInfo & { error?: string };
        if (frame.event === "error") throw errorOfBody(value);
        empty = 0;
        // From here on everything counts, however much there is.
        [since, tail] = [value.id, undefined];
        yield value;
      }
      return;
    } catch (error) {
      // Followed until it was gone, and its end missed.
      if (error instanceof NotFoundError && hasFollowed) return;
      const isTransient = error instanceof ConnectionError || (error instanceof PandaStackError && error.retryable);
      if (!isTransient || signal.aborted || empty >= MAX_EMPTY_CONNECTIONS) throw error;
    }
  }
}
