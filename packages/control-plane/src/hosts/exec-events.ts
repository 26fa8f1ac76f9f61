import { errorRegistry, type ErrorCode } from "@pandastack/contracts";
import { decodeExecFrames, ExecFrameKind, ExecResult, type ExecRequest } from "@pandastack/contracts/host";
import { Fault, Refusal } from "@pandastack/platform";
import { z } from "zod";
import type { HostConnection } from "./connection.ts";
import { toHostFailure } from "./failures.ts";

/** What a running command says, in order. */
export type ExecEvent =
  | { readonly kind: "stdout" | "stderr"; readonly data: Uint8Array }
  | { readonly kind: "started"; readonly id: string; readonly pid: number }
  | { readonly kind: "result"; readonly result: ExecResult }
  | { readonly kind: "detached"; readonly id: string; readonly pid: number };

const LOST_COMMAND = "the connection to the host was lost; the command may have run or still be running";

/** Runs a command and yields what it says. Its head may take as long as its first word. */
export async function* execEvents(
  connection: HostConnection,
  base: string,
  request: ExecRequest,
  options: { signal: AbortSignal; kill?: boolean },
): AsyncGenerator<ExecEvent> {
  const reply = await connection.request({
    method: "POST",
    path: `${base}/exec${options.kill === true ? "?kill=1" : ""}`,
    json: request,
    signal: options.signal,
    lostText: LOST_COMMAND,
    mayBeSilent: true,
  });
  try {
    for await (const { kind, payload } of decodeExecFrames(reply.body)) {
      if (kind === ExecFrameKind.stdout) yield { kind: "stdout", data: payload };
      else if (kind === ExecFrameKind.stderr) yield { kind: "stderr", data: payload };
      else if (kind === ExecFrameKind.event) {
        const event = parse(payload) as { event: string; id: string; pid: number };
        if (event.event === "started") yield { kind: "started", id: event.id, pid: event.pid };
      } else if (kind === ExecFrameKind.result) {
        const result = parse(payload);
        const finished = ExecResult.safeParse(result);
        if (finished.success) yield { kind: "result", result: finished.data };
        else yield { kind: "detached", ...z.object({ id: z.string(), pid: z.int() }).parse(result) };
        return;
      } else throw fromErrorFrame(parse(payload));
    }
  } catch (error) {
    throw toHostFailure(error, LOST_COMMAND);
  } finally {
    reply.body.destroy();
  }
  throw new Fault("host.unavailable", LOST_COMMAND, {
    operatorMessage: "host agent: an exec stream ended without a result",
  });
}

const parse = (payload: Uint8Array): unknown =>
  JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("utf8"));

/** What an exec stream or a process socket says went wrong. */
export function fromErrorFrame(frame: unknown): Refusal | Fault {
  const { error, code } = frame as { error?: unknown; code?: unknown };
  if (
    typeof code === "string" &&
    typeof error === "string" &&
    Object.hasOwn(errorRegistry, code) &&
    !code.startsWith("internal.")
  ) {
    return new Refusal(code as ErrorCode, error);
  }
  return new Fault("internal.error", "internal error", { operatorMessage: `host agent: ${String(error)}` });
}
