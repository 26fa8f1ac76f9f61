import type { Wire, WireData } from "./wire.ts";

/** A browser answers pings itself and tells nobody. */
export const HEARS_PINGS = false;

/** Agreed on with the server, so that the one with the token in it need not be. */
const PROTOCOL = "pandastack";
/** A browser takes what it is given into memory: writers wait beyond this. */
const SEND_BUFFER_LIMIT_BYTES = 1024 * 1024;
const LOOK_MS = 20;

/** The browser's own WebSocket. It has no headers: the token goes as a subprotocol, which is in no server's log of addresses. */
export function openWire(url: URL, headers: Readonly<Record<string, string>>): Wire {
  const token = headers["authorization"]?.replace(/^Bearer /, "");
  const protocols = token === undefined ? [PROTOCOL] : [PROTOCOL, `bearer.${token}`];
  return new BrowserWire(new globalThis.WebSocket(url, protocols));
}

type Listener = (...given: never[]) => void;

class BrowserWire implements Wire {
  readonly OPEN = 1;
  isPaused = false;
  readonly #socket: globalThis.WebSocket;
  readonly #listeners = new Map<string, Set<Listener>>();
  /** What came while nobody read: a browser's socket cannot be stopped. */
  readonly #held: [string, unknown[]][] = [];

  constructor(socket: globalThis.WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#emit("open"));
    socket.addEventListener("message", ({ data }) =>
      this.#deliver("message", data as WireData, typeof data !== "string"),
    );
    // It is not said why: that is kept from pages.
    socket.addEventListener("error", () =>
      this.#emit("error", new Error("the browser could not open a WebSocket there, or the server refused it")),
    );
    socket.addEventListener("close", ({ code, reason }) => this.#deliver("close", code, reason));
  }

  get readyState(): number {
    return this.#socket.readyState;
  }
  send(data: string | Uint8Array, _options?: { binary: boolean }, sent?: (error?: Error) => void): void {
    try {
      this.#socket.send(data);
    } catch (error) {
      return sent?.(error as Error);
    }
    if (sent !== undefined) this.#whenTaken(sent);
  }
  close(): void {
    this.#socket.close();
  }
  terminate(): void {
    this.#socket.close();
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
    while (!this.isPaused) {
      const next = this.#held.shift();
      if (next === undefined) return;
      this.#emit(next[0], ...next[1]);
    }
  }
  on(event: string, listener: Listener): this {
    const all = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, all.add(listener));
    return this;
  }
  once(event: string, listener: Listener): this {
    const first = (...given: never[]) => {
      this.#listeners.get(event)?.delete(first);
      listener(...given);
    };
    return this.on(event, first);
  }

  #deliver(event: string, ...given: unknown[]): void {
    if (this.isPaused) this.#held.push([event, given]);
    else this.#emit(event, ...given);
  }
  #emit(event: string, ...given: unknown[]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(...(given as never[]));
  }
  #whenTaken(sent: () => void): void {
    if (this.#socket.readyState === this.OPEN && this.#socket.bufferedAmount > SEND_BUFFER_LIMIT_BYTES)
      setTimeout(() => this.#whenTaken(sent), LOOK_MS);
    else sent();
  }
}
