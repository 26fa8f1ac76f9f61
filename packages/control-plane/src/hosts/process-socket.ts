import type { RawData, WebSocket } from "ws";
import { Fault } from "@pandastack/platform";
import { ExecResult } from "@pandastack/contracts/host";
import { bufferOf } from "../calls/sockets.ts";
import { fromErrorFrame, type ExecEvent } from "./exec-events.ts";

const CHANNEL_STDOUT = 1;

/** A message of a process's socket, understood. `other`: events that only some readers want (`replay`). */
export type ProcessMessage =
  | ExecEvent
  | { readonly kind: "other"; readonly text: string }
  | { readonly kind: "error"; readonly error: Error };

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

type Listener = (data: RawData, isBinary: boolean) => void;

/**
 * A process's socket on a host, once the process has said its first word: what keeps it from starting is thrown before
 * anybody was promised anything. It stands still until someone listens.
 */
export class ProcessSocket {
  readonly socket: WebSocket;
  readonly #early: { data: RawData; isBinary: boolean }[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
  }

  static begun(socket: WebSocket): Promise<ProcessSocket> {
    const process = new ProcessSocket(socket);
    const { promise, resolve, reject } = Promise.withResolvers<ProcessSocket>();
    const onClose = () => reject(new Fault("host.unavailable", "the connection to the host was lost; try again"));
    const keep: Listener = (data, isBinary) => {
      process.#early.push({ data, isBinary });
      socket.pause();
      if (process.#early.length > 1) return;
      const first = parseProcessMessage(data, isBinary);
      if (first.kind === "error") {
        socket.close();
        reject(first.error);
      } else resolve(process);
    };
    socket.on("message", keep);
    socket.once("close", onClose);
    socket.on("error", () => {});
    process.#stopKeeping = () => {
      socket.off("message", keep);
      socket.off("close", onClose);
    };
    socket.resume();
    return promise;
  }

  #stopKeeping: () => void = () => {};

  /** Everything that it has said and will say, from now on as it comes. */
  listen(listener: Listener): void {
    this.#stopKeeping();
    this.socket.on("message", listener);
    for (const { data, isBinary } of this.#early.splice(0)) listener(data, isBinary);
    this.socket.resume();
  }

  /** Called once it is closed, also if it is already. */
  onClose(listener: () => void): void {
    if (this.socket.readyState === this.socket.CLOSED) queueMicrotask(listener);
    else this.socket.once("close", listener);
  }

  /** Says something to the process, if anybody is there to hear it. */
  send(message: unknown): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
