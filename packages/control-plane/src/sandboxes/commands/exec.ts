import type { Answer, Call } from "../../calls/call.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { BoundedOutput } from "./output.ts";
import { shellRequest, timeoutText } from "./request.ts";

/** Runs a command to its end. A caller that goes away leaves it running: its output is lost, it is not. */
export async function exec(parts: SandboxParts, call: Call<"exec">, row: SandboxRow): Promise<Answer<"exec">> {
  const { output_bytes } = call.principal.limits;
  const stdout = new BoundedOutput(output_bytes);
  const stderr = new BoundedOutput(output_bytes);
  for await (const event of parts.host.guest(row.id).exec(shellRequest(call.body), { signal: call.signal })) {
    switch (event.kind) {
      case "stdout":
        stdout.add(event.data);
        break;
      case "stderr":
        stderr.add(event.data);
        break;
      case "detached":
        return { status: 202, body: { id: event.id, pid: event.pid, detached: true } };
      case "result": {
        parts.counters.executed(event.result);
        const { exit_code, signal, duration_ms, timed_out } = event.result;
        const output = {
          stdout: stdout.text(),
          stderr: stderr.text(),
          duration_ms,
          stdout_truncated: stdout.isTruncated,
          stderr_truncated: stderr.isTruncated,
        };
        if (!timed_out) return { status: 200, body: { ...output, exit_code, signal } };
        const error = timeoutText(call.body.timeout_seconds);
        return {
          status: 504,
          body: {
            error,
            code: "exec.timeout",
            retryable: false,
            request_id: call.requestId,
            exit_code: 124,
            ...output,
          },
        };
      }
      case "started":
        break;
    }
  }
  throw new Error("an exec stream ended without a result, an error or an abort");
}
