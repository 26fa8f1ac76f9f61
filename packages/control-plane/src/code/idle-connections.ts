import type { Socket } from "node:net";

/** Of one sandbox: cells that ran at the same time leave one each. */
const PER_SANDBOX_LIMIT = 2;
/** Of all. Each holds a descriptor here, two at the host, and one inside. */
const TOTAL_LIMIT = 500;
/** From cell to cell of one program. While one is open the sandbox counts as in use, and does not fall asleep. */
const KEPT_MS = 2_000;

/** Connections to interpreters that wait for the next cell. What ends the sandbox's memory, or moves it, ends them. */
export class IdleConnections {
  readonly #bySandbox = new Map<string, Map<Socket, () => void>>();
  #total = 0;

  /** The one that was used last. */
  take(sandboxId: string): Socket | undefined {
    const socket = [...(this.#bySandbox.get(sandboxId)?.keys() ?? [])].at(-1);
    if (socket === undefined) return undefined;
    this.#release(sandboxId, socket);
    socket.pause();
    return socket;
  }

  keep(sandboxId: string, socket: Socket): void {
    const kept = this.#bySandbox.get(sandboxId) ?? new Map<Socket, () => void>();
    if (socket.destroyed || kept.size >= PER_SANDBOX_LIMIT || this.#total >= TOTAL_LIMIT) return void socket.destroy();
    const drop = () => {
      this.#release(sandboxId, socket);
      socket.destroy();
    };
    const timer = setTimeout(drop, KEPT_MS).unref();
    // Nothing is said while nothing is asked: whatever comes is its end.
    const ends = ["end", "close", "error", "data"];
    for (const event of ends) socket.on(event, drop);
    kept.set(socket, () => {
      clearTimeout(timer);
      for (const event of ends) socket.off(event, drop);
    });
    this.#bySandbox.set(sandboxId, kept);
    this.#total++;
    socket.resume();
  }

  #release(sandboxId: string, socket: Socket): void {
    const kept = this.#bySandbox.get(sandboxId);
    const forget = kept?.get(socket);
    if (kept === undefined || forget === undefined) return;
    forget();
    kept.delete(socket);
    this.#total--;
    if (kept.size === 0) this.#bySandbox.delete(sandboxId);
  }
}
