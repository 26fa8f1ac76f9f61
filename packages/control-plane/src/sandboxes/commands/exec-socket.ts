import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { WebSocket } from "ws";
import { z } from "zod";
import { EXEC_SOCKET_COMMANDS_LIMIT, ExecBody } from "@pandastack/contracts";
import { toErrorResponse } from "@pandastack/platform";
import type { Principal } from "../../calls/call.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import { bufferOf, CloseCode, sendAndWait } from "../../calls/sockets.ts";
import type { SandboxParts } from "../parts.ts";
import { outputDecoder } from "./output.ts";
import { shellRequest, timeoutText } from "./request.ts";

const Id = z.union([z.string().min(1).max(200), z.number()]);
const Message = z.union([
  z.object({ id: Id, cancel: z.literal(true) }),
  ExecBody.omit({ detach: true }).extend({ id: Id }),
]);

/** Many commands over one socket. Losing it leaves them running; `cancel` kills one. */
export function execSocket(parts: SandboxParts, row: SandboxRow, principal: Principal, socket: WebSocket): void {
  const guest = parts.host.guest(row.id);
  const closed = new AbortController();
  /** What a socket's messages are events of is the connection, not the call that opened it. */
  const inContext = AsyncLocalStorage.snapshot();
  /** The caller's id of each command in flight → the process's. */
  const running = new Map<string | number, string>();

  const run = async (id: string | number, body: ExecBody) => {
    const processId = randomUUID();
    let leave = () => {};
    try {
      leave = parts.processes.enter(principal);
    } catch (error) {
      const { body: refusal } = toErrorResponse(error);
      return say({ id, error: refusal.error, code: refusal.code });
    }
    running.set(id, processId);
    const decoders = { stdout: outputDecoder(), stderr: outputDecoder() };
    try {
      for await (const event of guest.exec(shellRequest(body, processId), { signal: closed.signal })) {
        if (event.kind === "stdout" || event.kind === "stderr") {
          await say({ id, stream: event.kind, data: decoders[event.kind].decode(event.data, { stream: true }) });
        } else if (event.kind === "result") {
          parts.counters.executed(event.result);
          for (const name of ["stdout", "stderr"] as const) {
            const data = decoders[name].decode();
            if (data !== "") await say({ id, stream: name, data });
          }
          if (event.result.timed_out)
            await say({ id, error: timeoutText(body.timeout_seconds), code: "exec.timeout", exit: 124 });
          else await say({ id, exit: event.result.exit_code, signal: event.result.signal });
        }
      }
    } catch (error) {
      if (!closed.signal.aborted)
        await say({ id, error: toErrorResponse(error).body.error, code: toErrorResponse(error).body.code });
    } finally {
      running.delete(id);
      leave();
    }
  };
  const say = (message: unknown) => sendAndWait(socket, JSON.stringify(message));
  const cancel = async (id: string | number) => {
    const processId = running.get(id);
    if (processId === undefined)
      return say({ id, error: "no command with this id is running", code: "process.not_found" });
    await guest
      .signalProcess({ id: processId, signal: "SIGKILL" })
      .catch((error: unknown) => say({ id, error: toErrorResponse(error).body.error }));
  };

  socket.on("message", (data) => {
    const message = Message.safeParse(parseJson(bufferOf(data).toString("utf8")));
    if (!message.success) {
      void say({ error: "a message is {id, cmd, timeout_seconds?} or {id, cancel: true}", code: "validation.failed" });
    } else if ("cancel" in message.data) {
      void cancel(message.data.id);
    } else if (running.has(message.data.id)) {
      void say({ id: message.data.id, error: "id: a command with this id is running", code: "validation.failed" });
    } else if (running.size >= EXEC_SOCKET_COMMANDS_LIMIT) {
      void say({
        id: message.data.id,
        error: `at most ${EXEC_SOCKET_COMMANDS_LIMIT} commands at a time on one socket`,
        code: "guest.too_many_processes",
      });
    } else {
      const { id } = message.data;
      const body = message.data;
      inContext(() => void run(id, body));
    }
  });
  socket.once("close", () => closed.abort());
  socket.once("error", () => socket.close(CloseCode.internal));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
