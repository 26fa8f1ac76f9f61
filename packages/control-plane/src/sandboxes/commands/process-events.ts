import type { RawData } from "ws";
import { Fault } from "@pandastack/platform";
import type { ExecEvent } from "../../hosts/exec-events.ts";
import { parseProcessMessage, type ProcessMessage, type ProcessSocket } from "../../hosts/process-socket.ts";

/** A process socket's events as an iteration with backpressure. Ending it closes the socket, which leaves the process running. */
export async function* processEvents(process: ProcessSocket, signal: AbortSignal): AsyncGenerator<ExecEvent> {
  const { socket } = process;
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
  process.onClose(onClose);
  process.listen(onMessage);
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
    if (!signal.aborted)
      throw new Fault("host.unavailable", "the connection to the host was lost; the process goes on");
  } finally {
    signal.removeEventListener("abort", abort);
    socket.terminate();
  }
}
