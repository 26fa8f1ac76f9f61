import type { ExecResult } from "@pandastack/contracts/host";
import { Channel } from "./frames.ts";
import type { GuestProcess, ProcessEvent } from "./guest.ts";
import type { StreamItem, StreamState } from "./stream-state.ts";

/** `GuestProcess` over one stream of the connection. */
export class StreamProcess implements GuestProcess {
  readonly #state: StreamState;
  constructor(state: StreamState) {
    this.#state = state;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ProcessEvent> {
    for await (const item of this.#state) {
      const event = toProcessEvent(item);
      if (event) yield event;
    }
  }

  async writeStdin(data: Uint8Array): Promise<void> {
    await this.#state.send(data);
  }
  endStdin(): void {
    this.#state.end();
  }
  signal(name: string): void {
    this.#state.control({ signal: name });
  }
  resize(size: { rows: number; cols: number }): void {
    this.#state.control({ resize: size });
  }
  release(options: { kill: boolean }): void {
    this.#state.cancel(options);
  }
}

function toProcessEvent(item: StreamItem): ProcessEvent | undefined {
  switch (item.kind) {
    case "data":
      return { kind: item.channel === Channel.stderr ? "stderr" : "stdout", data: item.data };
    case "event":
      if (item.event.event === "started")
        return { kind: "started", id: String(item.event["id"]), pid: Number(item.event["pid"]) };
      if (item.event.event === "replay")
        return {
          kind: "replay",
          stdoutBytes: Number(item.event["stdout_bytes"]),
          stderrBytes: Number(item.event["stderr_bytes"]),
        };
      return undefined;
    case "result": {
      const ok = item.ok as ExecResult | { id: string; pid: number };
      return "exit_code" in ok ? { kind: "result", result: ok } : { kind: "detached", id: ok.id, pid: ok.pid };
    }
    case "end":
      return undefined;
  }
}
