import { EVENTS_KEPT, isOn } from "@pandastack/contracts";
import type { Answer, Call } from "../../calls/call.ts";
import { eventStream, frame } from "../../calls/server-sent-events.ts";
import { eventInfo, readEvents } from "../../events/store.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { readSandbox } from "../store.ts";

const DEFAULT_TAIL = 50;
/** Events of other control planes are not announced here; they are looked for this often. */
const POLL_MS = 1000;

export async function listSandboxEvents(
  parts: SandboxParts,
  call: Call<"listSandboxEvents">,
  row: SandboxRow,
): Promise<Answer<"listSandboxEvents">> {
  const since = call.query.since ?? 0;
  const options = { since, tail: call.query.tail ?? DEFAULT_TAIL };
  if (!isOn(call.query.follow)) {
    return { status: 200, body: { events: (await readEvents(parts.db, row.id, options)).map(eventInfo) } };
  }
  return {
    status: 200,
    mediaType: "text/event-stream",
    stream: eventStream(
      followEvents(parts, row.id, resumed(call.lastEventId) ?? options, call.signal),
      call.heartbeatMs,
    ),
  };
}

/** A browser's EventSource that reconnects asks with the address of its first time, and says what it has had: all since. */
function resumed(lastEventId: string | undefined): { since: number; tail: number } | undefined {
  if (lastEventId === undefined || !/^\d{1,15}$/.test(lastEventId)) return undefined;
  return { since: Number(lastEventId), tail: EVENTS_KEPT };
}

/** Events there are, then those to come; ends with the sandbox. */
async function* followEvents(
  parts: SandboxParts,
  id: string,
  options: { since: number; tail: number },
  signal: AbortSignal,
): AsyncGenerator<string> {
  let { since } = options;
  let { tail } = options;
  let wake = () => {};
  const unsubscribe = parts.feed.onHostEvents((events) => {
    if (events.some((event) => event.sandboxId === id)) wake();
  });
  const abort = () => wake();
  signal.addEventListener("abort", abort, { once: true });
  try {
    while (!signal.aborted) {
      const next = new Promise<void>((resolve) => (wake = resolve));
      const row = await readSandbox(parts.db, id);
      for (const event of await readEvents(parts.db, id, { since, tail })) {
        since = event.id;
        yield frame("event", eventInfo(event), event.id);
      }
      tail = Number.MAX_SAFE_INTEGER;
      if (row === undefined || row.deleted_at !== null) return;
      const timer = setTimeout(wake, POLL_MS);
      await next;
      clearTimeout(timer);
    }
  } finally {
    unsubscribe();
    signal.removeEventListener("abort", abort);
  }
}
