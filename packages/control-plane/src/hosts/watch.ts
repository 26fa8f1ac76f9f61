import { setTimeout as delay } from "node:timers/promises";
import { Fault, type Logger } from "@pandastack/platform";
import type { HostInfo } from "@pandastack/contracts/host";
import type { HostClient } from "./client.ts";

const POLL_MS = 1000;

/** What the host last said about itself, asked every second: templates, runtimes, whether it is ready. */
export class HostWatch {
  readonly #host: HostClient;
  readonly #log: Logger;
  #current: HostInfo | undefined;
  #failure: unknown;
  #asking: Promise<HostInfo> | undefined;
  #stopped = new AbortController();

  constructor(host: HostClient, log: Logger) {
    this.#host = host;
    this.#log = log;
  }

  /** Undefined while the host is away. */
  get current(): HostInfo | undefined {
    return this.#current;
  }

  /** What is known, or what the host answers now. A fault when it is away. */
  async known(): Promise<HostInfo> {
    return this.#current ?? this.refresh();
  }

  /** Asks now; calls at the same time share the question. */
  refresh(): Promise<HostInfo> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #ask(): Promise<HostInfo> {
    try {
      const info = await this.#host.info();
      if (this.#failure !== undefined) this.#log.info("host agent: back");
      this.#failure = undefined;
      this.#current = info;
      return info;
    } catch (error) {
      if (this.#failure === undefined) this.#log.warn({ err: error }, "host agent: away");
      this.#failure = error;
      this.#current = undefined;
      if (error instanceof Fault) throw error;
      throw new Fault(
        "host.unavailable",
        "the host that runs the sandboxes is not available at the moment; try again",
        { cause: error },
      );
    }
  }

  start(): void {
    void this.#poll();
  }

  async #poll(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.refresh().catch(() => {});
      await delay(POLL_MS, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => {});
    }
  }

  stop(): void {
    this.#stopped.abort();
  }
}
