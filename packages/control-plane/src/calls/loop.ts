import { setTimeout as delay } from "node:timers/promises";

export interface LoopOptions {
  /** Between the end of one pass and the next. */
  readonly pauseMs: number;
  /** Called with what a pass threw; the loop goes on. */
  readonly onError: (error: unknown) => void;
}

/**
 * Does something again and again until it is stopped. A pass that answers `again` is followed by the next at once.
 * A loop that pauses keeps no process alive.
 */
export class Loop {
  readonly #pass: (signal: AbortSignal) => Promise<"again" | void>;
  readonly #options: LoopOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(pass: (signal: AbortSignal) => Promise<"again" | void>, options: LoopOptions) {
    this.#pass = pass;
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves once the pass under way has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let next: "again" | void = undefined;
      try {
        next = await this.#pass(signal);
      } catch (error) {
        this.#options.onError(error);
      }
      if (next !== "again") await delay(this.#options.pauseMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }
}
