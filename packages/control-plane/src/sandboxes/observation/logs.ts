import { setTimeout as delay } from "node:timers/promises";
import { Readable } from "node:stream";
import { isOn } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Answer, Call } from "../../calls/call.ts";
import { eventStream, frame } from "../../calls/server-sent-events.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import { INERT_HEADERS } from "../files/transfer.ts";
import type { SandboxParts } from "../parts.ts";
import { readSandbox } from "../store.ts";

const POLL_MS = 500;

/** The console's text, or its lines as they come. */
export async function getSandboxLogs(
  parts: SandboxParts,
  call: Call<"getSandboxLogs">,
  row: SandboxRow,
): Promise<Answer<"getSandboxLogs">> {
  const stream = call.query.stream ?? "both";
  const text = await readLogs(parts, row.id, stream);
  if (isOn(call.query.follow)) {
    return {
      status: 200,
      mediaType: "text/event-stream",
      stream: eventStream(followLines(parts, row.id, stream, text, call)),
    };
  }
  const { "content-disposition": _, ...headers } = INERT_HEADERS;
  return {
    status: 200,
    mediaType: "text/plain; charset=utf-8",
    headers,
    stream: Readable.from([lastLines(text, call.query.tail)], { objectMode: false }),
  };
}

async function readLogs(parts: SandboxParts, id: string, stream: "stdout" | "stderr" | "both"): Promise<string> {
  try {
    return await parts.host.guest(id).logs(stream);
  } catch (error) {
    // Nothing can be read of one that has no machine; that is no error of whoever looks.
    if (error instanceof Refusal) return "";
    throw error;
  }
}

export function lastLines(text: string, count: number | undefined): string {
  if (count === undefined) return text;
  if (count === 0) return "";
  const lines = text.split("\n");
  const kept = text.endsWith("\n") ? count + 1 : count;
  return lines.slice(-kept).join("\n");
}

/** The host keeps a bounded text and gives all of it: what is new is what follows the part that was seen. */
export function newText(seen: string, now: string): string {
  if (now.startsWith(seen)) return now.slice(seen.length);
  // The beginning has been dropped: find where the end of what was seen stands now.
  const anchor = seen.slice(-4096);
  const at = now.lastIndexOf(anchor);
  return at === -1 ? now : now.slice(at + anchor.length);
}

async function* followLines(
  parts: SandboxParts,
  id: string,
  stream: "stdout" | "stderr" | "both",
  first: string,
  call: Call<"getSandboxLogs">,
): AsyncGenerator<string> {
  let seen = first;
  let pending = lastLines(first, call.query.tail);
  for (;;) {
    const lines = pending.split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) yield frame("line", { line });
    await delay(POLL_MS, undefined, { signal: call.signal }).catch(() => {});
    if (call.signal.aborted) return;
    const row = await readSandbox(parts.db, id);
    if (row === undefined || row.wanted === "deleted") break;
    const now = await readLogs(parts, id, stream);
    pending += newText(seen, now);
    seen = now;
  }
  if (pending !== "") yield frame("line", { line: pending });
}
