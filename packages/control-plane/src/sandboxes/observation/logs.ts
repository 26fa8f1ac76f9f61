import { Readable } from "node:stream";
import { isOn } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Answer, Call } from "../../calls/call.ts";
import { eventStream } from "../../calls/server-sent-events.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import { INERT_HEADERS } from "../files/transfer.ts";
import type { SandboxParts } from "../parts.ts";
import { followLines, lastLines } from "./follow-logs.ts";

/** The console's text, or its lines as they come. */
export async function getSandboxLogs(
  parts: SandboxParts,
  call: Call<"getSandboxLogs">,
  row: SandboxRow,
): Promise<Answer<"getSandboxLogs">> {
  const { follow, tail, stream = "both" } = call.query;
  if (isOn(follow)) {
    return {
      status: 200,
      mediaType: "text/event-stream",
      stream: eventStream(followLines(parts, { id: row.id, stream, tail, signal: call.signal }), call.heartbeatMs),
    };
  }
  const text = await readLogs(parts, row.id, stream);
  const { "content-disposition": _, ...headers } = INERT_HEADERS;
  return {
    status: 200,
    mediaType: "text/plain; charset=utf-8",
    headers,
    stream: Readable.from([lastLines(text, tail)], { objectMode: false }),
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
