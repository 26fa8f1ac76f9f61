import type { WebSocket } from "ws";
import type { TerminalQuery } from "@pandastack/contracts";
import type { ExecRequest } from "@pandastack/contracts/host";
import { toErrorResponse } from "@pandastack/platform";
import { bufferOf, CloseCode, closeReason, forward } from "../../calls/sockets.ts";
import { parseProcessMessage, type ProcessSocket } from "../../hosts/process-socket.ts";
import { requestIdEnv } from "./request.ts";
import { parseTerminalInput } from "./terminal-input.ts";

/** A login shell: bash where there is one. */
const LOGIN_SHELL = "command -v bash >/dev/null 2>&1 && exec bash -li; exec sh -l";
const DEFAULT_SIZE = { rows: 24, cols: 80 };

export function terminalRequest(query: TerminalQuery): ExecRequest {
  return {
    shell: query.cmd ?? LOGIN_SHELL,
    user: query.user ?? "root",
    env: requestIdEnv(),
    ...(query.cwd === undefined ? {} : { cwd: query.cwd }),
    stdin: true,
    pty: { rows: query.rows ?? DEFAULT_SIZE.rows, cols: query.cols ?? DEFAULT_SIZE.cols },
    tag: "terminal",
  };
}

/** Whether a caller understands a last text message `{"exit":N}`. The Node command line would print it. */
export function wantsExitMessage(query: TerminalQuery, userAgent: string): boolean {
  return query.protocol === "text" || userAgent.startsWith("Go-http-client") || userAgent.startsWith("pandastack-go");
}

/** Joins a caller's socket with a terminal's. When the caller has gone, the host hangs the shell up, unless it asked to keep it. */
export function joinTerminal(client: WebSocket, terminal: ProcessSocket, options: { exitMessage: boolean }): void {
  const host = terminal.socket;
  let isOver = false;
  const finish = (exitCode: number | undefined, code: number, reason: string) => {
    if (isOver) return;
    isOver = true;
    if (options.exitMessage && exitCode !== undefined) client.send(JSON.stringify({ exit: exitCode }));
    client.close(code, closeReason(reason));
    host.close();
  };
  terminal.onClose(() => finish(undefined, CloseCode.internal, "the connection to the host was lost"));
  client.on("message", (data, isBinary) => {
    const input = parseTerminalInput(bufferOf(data), isBinary);
    if (input.kind === "bytes") forward(client, host, input.data, true);
    else forward(client, host, JSON.stringify({ resize: { rows: input.rows, cols: input.cols } }), false);
  });
  client.once("close", () => {
    if (isOver) return;
    isOver = true;
    host.close();
  });
  terminal.listen((data, isBinary) => {
    const message = parseProcessMessage(data, isBinary);
    if (message.kind === "stdout" || message.kind === "stderr") forward(host, client, Buffer.from(message.data), true);
    else if (message.kind === "result")
      finish(message.result.exit_code, CloseCode.normal, `exit ${message.result.exit_code}`);
    else if (message.kind === "error") finish(undefined, CloseCode.internal, toErrorResponse(message.error).body.error);
  });
}
