import type { Logger } from "@pandastack/platform";
import { isAlive } from "../processes/proc.ts";
import type { MachineRecord, Runtime } from "../runtimes/runtime.ts";
import { planRestore, type ReadyPlan } from "./start.ts";
import type { SlotSource } from "./slots.ts";

/** Start-ups that may run at the same time: more only make each of them slower. */
const PARALLEL_STARTS = 2;
/** A start takes a core from the guest that has just been created: as long as there are others it waits until creates have ceased. */
const CALM_MS = 500;

export interface AheadOptions {
  readonly runtime: Runtime;
  readonly slots: SlotSource;
  readonly imageDir: string;
  readonly size: { cpus: number; memoryMb: number };
  readonly count: number;
  readonly log: Logger;
}

interface Waiting {
  readonly ready: ReadyPlan;
  readonly record: MachineRecord;
}

/**
 * Empty VMMs, started in their jails before anyone asks: process start and device set-up are most of a create's time. They
 * hold no guest: no device state is loaded, no instruction has run, and their memory is the template's file, not yet read.
 */
export class VmmsAhead {
  readonly #waiting: Waiting[] = [];
  readonly #options: AheadOptions;
  #starting = 0;
  #calm: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #running = new Set<Promise<void>>();

  constructor(options: AheadOptions) {
    this.#options = options;
  }

  get imageDir(): string {
    return this.#options.imageDir;
  }

  /** One that is ready; undefined when a start has to be made in line. */
  take(): ReadyPlan | undefined {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (isAlive(next.record.pid, next.record.pidStartTime) || next.record.pid === 0) return next.ready;
      void this.#discard(next);
    }
    return undefined;
  }

  /** Fills up in the background: at once when half of them are used up, else when nobody has asked for one for a while. */
  refill(): void {
    clearTimeout(this.#calm);
    if (this.#waiting.length + this.#starting <= this.#options.count / 2) return this.#startMissing();
    this.#calm = setTimeout(() => this.#startMissing(), CALM_MS).unref();
  }

  #startMissing(): void {
    if (!this.#options.runtime.prepare) return;
    while (
      !this.#closed &&
      this.#starting < PARALLEL_STARTS &&
      this.#waiting.length + this.#starting < this.#options.count
    ) {
      this.#starting++;
      const work = this.#startOne()
        .then(
          () => true,
          (error: unknown) => {
            this.#options.log.warn({ err: error }, "could not start a VMM ahead");
            return false;
          },
        )
        .then((isStarted) => {
          this.#starting--;
          this.#running.delete(work);
          // One that failed is tried again at the next create.
          if (isStarted && this.#waiting.length + this.#starting < this.#options.count) this.refill();
        });
      this.#running.add(work);
    }
  }

  async fill(): Promise<void> {
    this.#startMissing();
    while (this.#running.size > 0) {
      await Promise.all(this.#running);
      if (this.#waiting.length >= this.#options.count) return;
      this.#startMissing();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#calm);
    await Promise.all(this.#running);
    await Promise.all(this.#waiting.splice(0).map((waiting) => this.#discard(waiting)));
  }

  async #startOne(): Promise<void> {
    const { runtime, slots, imageDir, size } = this.#options;
    const ready = await planRestore({ slots, imageDir, size, durable: false });
    try {
      this.#waiting.push({ ready, record: await runtime.prepare!(ready.plan) });
    } catch (error) {
      await slots.release(ready.slot);
      throw error;
    }
  }

  async #discard(waiting: Waiting): Promise<void> {
    await this.#options.runtime.destroy(waiting.record);
    await this.#options.slots.release(waiting.ready.slot);
  }
}
