import type { Logger } from "@pandastack/platform";
import type { RestorePlan, Runtime } from "../runtimes/runtime.ts";
import { VmmsAhead } from "./ahead.ts";
import type { SlotSource } from "./slots.ts";

/** With fewer left in a burst of creates the next are started beside it; a host that has so many is ready. */
const LAST_READY = 2;
/** Blanks that wait, for each VMM that waits for the default template: for wakes, restored snapshots and the first children of a fork. */
const BLANK_SHARE = 0.5;

export interface StockOptions {
  readonly runtime: Runtime;
  readonly slots: SlotSource;
  /** The image that most creates start from. */
  readonly imageDir: string;
  readonly size: { cpus: number; memoryMb: number };
  /** VMMs that wait for that image; 0: nothing is started ahead. */
  readonly count: number;
  readonly log: Logger;
}

/**
 * What waits before anyone asks: process start and device set-up are much of a create's time. VMMs with the default template's
 * memory mapped and its disk copied, and blanks that take any image of that size. None holds a guest: no device state is
 * loaded, no instruction has run, no page of memory was read.
 */
export class Stock {
  readonly #options: StockOptions;
  readonly #ready: VmmsAhead | undefined;
  readonly #blanks: VmmsAhead | undefined;
  readonly #preparedFor: string | undefined;

  constructor(options: StockOptions) {
    const { runtime, slots, imageDir, count, log } = options;
    const { cpus, memoryMb } = options.size;
    const common = { runtime, slots, size: { cpus, memoryMb }, log };
    this.#options = options;
    this.#preparedFor = runtime.preparedAlike?.(imageDir, false);
    if (runtime.prepare) {
      const start = runtime.prepare.bind(runtime);
      this.#ready = new VmmsAhead({
        ...common,
        count,
        urgentBelow: Math.min(LAST_READY, count / 2),
        start: (plan) => start({ ...plan, imageDir, durable: false }),
      });
    }
    if (runtime.prepareBlank) {
      const start = runtime.prepareBlank.bind(runtime);
      // Never at once: a fork takes them all while its parent stands still, and its children are waited for next.
      this.#blanks = new VmmsAhead({ ...common, count: Math.ceil(count * BLANK_SHARE), urgentBelow: 0, start });
    }
  }

  /** A plan whose slot is held and whose VMM runs, or does so sooner than one that is started now; undefined when none fits. */
  async take(wanted: Omit<RestorePlan, "machineId" | "slot">): Promise<RestorePlan | undefined> {
    const { imageDir, size } = this.#options;
    if (wanted.size.cpus !== size.cpus || wanted.size.memoryMb !== size.memoryMb) return undefined;
    const isDefault = wanted.imageDir === imageDir && !wanted.durable;
    const plan = await (isDefault || this.#isAlike(wanted) ? this.#ready : this.#blanks)?.takeSoon();
    return plan && { ...plan, imageDir: wanted.imageDir, durable: wanted.durable };
  }

  #isAlike({ imageDir, durable }: Pick<RestorePlan, "imageDir" | "durable">): boolean {
    const { runtime } = this.#options;
    return runtime.preparedAlike?.(imageDir, durable) === this.#preparedFor && this.#preparedFor !== undefined;
  }

  /** Resolves with the first ones of each kind: whoever waits for a server to start does not wait for all of them. */
  async fill(): Promise<void> {
    await this.#ready?.fill(LAST_READY);
    await this.#blanks?.fill(1);
  }

  async rest(): Promise<number> {
    const [ready, blanks] = await Promise.all([this.#ready?.rest(), this.#blanks?.rest()]);
    return (ready ?? 0) + (blanks ?? 0);
  }

  goOn(): void {
    this.#ready?.goOn();
    this.#blanks?.goOn();
  }

  async close(): Promise<void> {
    await Promise.all([this.#ready?.close(), this.#blanks?.close()]);
  }
}
