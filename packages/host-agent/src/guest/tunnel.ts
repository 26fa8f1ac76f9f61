import { Duplex } from "node:stream";
import type { StreamState } from "./stream-state.ts";

/** A TCP connection inside the guest as a Duplex, with backpressure both ways. */
export class GuestTunnel extends Duplex {
  readonly #state: StreamState;
  #pumping = false;

  constructor(state: StreamState) {
    super({ allowHalfOpen: true });
    this.#state = state;
  }

  override _read(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    void this.#pump();
  }

  async #pump(): Promise<void> {
    try {
      for (;;) {
        const item = await this.#state.next();
        if (item === undefined || item.kind === "result" || item.kind === "end") {
          this.push(null);
          break;
        }
        if (item.kind === "data" && !this.push(item.data)) {
          this.#pumping = false;
          return;
        }
      }
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#state.send(chunk).then(
      (open) => done(open ? null : new Error("the connection inside the sandbox is closed")),
      (error: Error) => done(error),
    );
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#state.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#state.cancel({ kill: true });
    done(error);
  }
}
