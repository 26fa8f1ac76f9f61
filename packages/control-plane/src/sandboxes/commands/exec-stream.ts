import { randomUUID } from "node:crypto";
import { Refusal, toErrorResponse } from "@pandastack/platform";
import type { Answer, Call } from "../../calls/call.ts";
import { eventStream, frame } from "../../calls/server-sent-events.ts";
import type { ExecEvent } from "../../hosts/exec-events.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { outputDecoder } from "./output.ts";
import { shellRequest, timeoutText } from "./request.ts";

export const PROCESS_HEADER = "x-pandastack-process";

/** Runs a command and passes on what it says. Nothing has been answered before it has started: until then errors are statuses. */
export async function execStream(
  parts: SandboxParts,
  call: Call<"execStream">,
  row: SandboxRow,
): Promise<Answer<"execStream">> {
  const processId = randomUUID();
  const events = parts.host.guest(row.id).exec(shellRequest(call.body, processId), { signal: call.signal });
  const first = await events.next();
  const all = async function* () {
    if (first.done !== true) yield first.value;
    for await (const event of events) {
      if (event.kind === "result") parts.counters.executed(event.result);
      yield event;
    }
  };
  return {
    status: 200,
    mediaType: "text/event-stream",
    headers: { [PROCESS_HEADER]: processId },
    stream: eventStream(processFrames(all(), timeoutText(call.body.timeout_seconds)), call.heartbeatMs),
  };
}

/** A command's events as the published client reads them. Characters are never cut in two. */
export async function* processFrames(events: AsyncIterable<ExecEvent>, textOfTimeout: string): AsyncGenerator<string> {
  const decoders = { stdout: outputDecoder(), stderr: outputDecoder() };
  const rest = function* () {
    for (const name of ["stdout", "stderr"] as const) {
      const chunk = decoders[name].decode();
      if (chunk !== "") yield frame(name, { chunk });
    }
  };
  try {
    for await (const event of events) {
      if (event.kind === "stdout" || event.kind === "stderr") {
        const chunk = decoders[event.kind].decode(event.data, { stream: true });
        if (chunk !== "") yield frame(event.kind, { chunk });
      } else if (event.kind === "result") {
        yield* rest();
        const { exit_code, signal, duration_ms, timed_out } = event.result;
        if (timed_out)
          yield frame("error", { error: textOfTimeout, code: "exec.timeout", exit_code: 124, duration_ms });
        else yield frame("exit", { exit_code, signal, duration_ms });
      } else if (event.kind === "detached") {
        yield frame("exit", { exit_code: 0, detached: true, id: event.id, pid: event.pid });
      }
    }
  } catch (error) {
    yield* rest();
    const { body } = toErrorResponse(
      isAbort(error) ? new Refusal("host.unavailable", "the server is stopping; the process goes on") : error,
    );
    yield frame("error", { error: body.error, code: body.code });
  }
}

/** The call's signal has fired: the caller is gone, and reads nothing, or the server is stopping. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
