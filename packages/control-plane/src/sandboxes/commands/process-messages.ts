import type { RawData, WebSocket } from "ws";
import { Fault } from "@pandastack/platform";
import { ExecResult } from "@pandastack/contracts/host";
import { bufferOf } from "../../calls/sockets.ts";
import { fromErrorFrame, type ExecEvent } from "../../hosts/guest.ts";

const CHANNEL_STDOUT = 1;

/** A message of a host's process socket, understood. `other`: events that only some readers want (`replay`). */
export type ProcessMessage = ExecEvent | { readonly kind: "other"; readonly text: string } | { readonly kind: "error"; readonly error: Error };

export function parseProcessMessage(data: RawData, isBinary: boolean): ProcessMessage {
  const bytes = bufferOf(data);
  if (isBinary) return { kind: bytes[0] === CHANNEL_STDOUT ? "stdout" : "stderr", data: bytes.subarray(1) };
  const text = bytes.toString("utf8");
  const message = JSON.parse(text) as { event?: string; id?: string; pid?: number; result?: unknown; error?: unknown };
  if (message.error !== undefined) return { kind: "error", error: fromErrorFrame(message) };
  if (message.result !== undefined) return { kind: "result", result: ExecResult.parse(message.result) };
  if (message.event === "started") return { kind: "started", id: String(message.id), pid: Number(message.pid) };
  return { kind: "other", text };
}

/** A process socket's events as an iteration with backpressure. Ending it closes the socket, which leaves the process running. */
export async function* processEvents(socket: WebSocket, signal: AbortSignal): AsyncGenerator<ExecEvent> {
  const queue: ProcessMessage[] = [];
  let wake = () => {};
  let isClosed = false;
  const onMessage = (data: RawData, isBinary: boolean) => {
    queue.push(parseProcessMessage(data, isBinary));
    socket.pause();
    wake();
  };
  const onClose = () => {
    isClosed = true;
    wake();
  };
  socket.on("message", onMessage);
  socket.once("close", onClose);
  const abort = () => socket.terminate();
  signal.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      const message = queue.shift();
      if (message === undefined) {
        if (isClosed || signal.aborted) break;
        socket.resume();
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      if (message.kind === "error") throw message.error;
      if (message.kind === "other") continue;
      yield message;
      if (message.kind === "result") return;
    }
    if (!signal.aborted) throw new Fault("host.unavailable", "the connection to the host was lost; the process goes on");
  } finally {
    signal.removeEventListener("abort", abort);
    socket.off("message", onMessage);
    socket.terminate();
  }
}
