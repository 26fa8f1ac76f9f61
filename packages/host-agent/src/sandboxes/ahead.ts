import type { Logger } from "@pandastack/platform";
import { isAlive } from "../processes/proc.ts";
import { newHexId } from "@pandastack/platform";
import type { MachinePlan, MachineRecord, MachineSize, Runtime } from "../runtimes/runtime.ts";
import type { SlotSource } from "./slots.ts";

/** Start-ups that may run at the same time: more only make each of them slower. */
const PARALLEL_STARTS = 2;
/** A start takes a core from the guest that has just been created: as long as there are others it waits until creates have ceased. */
const CALM_MS = 500;

export interface AheadOptions {
  readonly runtime: Runtime;
  readonly slots: SlotSource;
  readonly size: MachineSize;
  readonly count: number;
  /** With fewer than so many left the next are started at once, else when nobody has asked for one for a while. */
  readonly urgentBelow: number;
  readonly start: (plan: MachinePlan) => Promise<MachineRecord>;
  readonly log: Logger;
}

/** VMMs of one kind that were started in their jails before anyone asks. */
export class VmmsAhead {
  readonly #waiting: MachineRecord[] = [];
  readonly #options: AheadOptions;
  #starting = 0;
  /** Who waits for one that is being started: never more than those are. */
  readonly #takers: ((plan: MachinePlan | undefined) => void)[] = [];
  #calm: NodeJS.Timeout | undefined;
  #closed = false;
  #isResting = false;
  readonly #running = new Set<Promise<void>>();

  constructor(options: AheadOptions) {
    this.#options = options;
  }

  /** One that is ready, its slot with it; undefined when a start has to be made in line. */
  take(): MachinePlan | undefined {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (isAlive(next.pid, next.pidStartTime)) {
        this.#refill();
        return planOf(next);
      }
      void this.#discard(next);
    }
    this.#refill();
    return undefined;
  }

  /** Or the next of those that are being started, where none is ready: a start that is begun now would be later, and one too many. */
  takeSoon(): Promise<MachinePlan | undefined> {
    const ready = this.take();
    if (ready || this.#isResting || this.#takers.length >= this.#starting) return Promise.resolve(ready);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** Fills up in the background. */
  #refill(): void {
    clearTimeout(this.#calm);
    if (this.#waiting.length + this.#starting < this.#options.urgentBelow) return this.#startMissing();
    this.#calm = setTimeout(() => this.#startMissing(), CALM_MS).unref();
  }

  #startMissing(): void {
    while (
      !this.#closed &&
      !this.#isResting &&
      this.#starting < PARALLEL_STARTS &&
      this.#waiting.length + this.#starting < this.#options.count
    ) {
      this.#starting++;
      const work = this.#startOne().then((isStarted) => {
        this.#running.delete(work);
        // One that failed is tried again when the next is taken.
        if (isStarted && this.#waiting.length + this.#starting < this.#options.count) this.#refill();
      });
      this.#running.add(work);
    }
  }

  /** Resolves once so many wait, by default all of them; the others follow. */
  async fill(atLeast = this.#options.count): Promise<void> {
    this.#startMissing();
    while (this.#running.size > 0 && this.#waiting.length < atLeast && !this.#isResting) {
      await Promise.race(this.#running);
      this.#startMissing();
    }
  }

  /** Lets go of those that wait, and starts none until `goOn`. Answers how many there were. */
  async rest(): Promise<number> {
    this.#isResting = true;
    clearTimeout(this.#calm);
    await Promise.all(this.#running);
    const waiting = this.#waiting.splice(0);
    await Promise.all(waiting.map((one) => this.#discard(one)));
    return waiting.length;
  }

  goOn(): void {
    if (!this.#isResting) return;
    this.#isResting = false;
    this.#refill();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#calm);
    await Promise.all(this.#running);
    await Promise.all(this.#waiting.splice(0).map((waiting) => this.#discard(waiting)));
  }

  async #startOne(): Promise<boolean> {
    const { slots, size, start, log } = this.#options;
    let started: MachineRecord | undefined;
    try {
      const slot = await slots.acquire();
      try {
        started = await start({ machineId: newHexId(6), slot, size });
      } catch (error) {
        await slots.release(slot);
        throw error;
      }
    } catch (error) {
      log.warn({ err: error }, "could not start a VMM ahead");
    }
    this.#starting--;
    const taker = this.#takers.shift();
    if (taker) taker(started && planOf(started));
    else if (started) this.#waiting.push(started);
    return started !== undefined;
  }

  async #discard(record: MachineRecord): Promise<void> {
    await this.#options.runtime.destroy(record);
    await this.#options.slots.release(record.slot);
  }
}

const planOf = ({ machineId, slot, size }: MachineRecord): MachinePlan => ({ machineId, slot, size });
