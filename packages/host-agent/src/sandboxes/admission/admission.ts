import { statfs } from "node:fs/promises";
import { Refusal } from "@pandastack/platform";
import { availableMemoryBytes, totalMemoryBytes } from "./host-memory.ts";
import type { AdmissionSettings } from "./settings.ts";

const MIB = 1_048_576;
/** The pool keeps this much for the writes of sandboxes that run, and for hibernating them: new things are refused before. */
export const POOL_RESERVE_BYTES = 512 * MIB;
/** What even a hibernation, which may use the reserve, leaves: the pool's own metadata needs some. */
export const POOL_FLOOR_BYTES = 32 * MIB;
/** Real blocks of a new machine before its guest has done anything of note: its disk is a copy-on-write copy. */
export const MACHINE_POOL_BYTES = 32 * MIB;

export interface Needs {
  /** Machines to be started, each of this much guest memory. */
  readonly machines?: { readonly count: number; readonly memoryMb: number };
  /** Blocks beside those of new machines: changed memory that is written to an image. */
  readonly imageBytes?: number;
  /** True for what saves a sandbox. */
  readonly mayUseReserve?: boolean;
}

/** Room that is held for work under way; let go when the work has ended and the host's own figures include it. */
export type Room = Disposable;

export interface Measured {
  poolFreeBytes(): Promise<number>;
  memoryAvailableBytes(): number;
  memoryTotalBytes(): number;
}

export const measureHost = (poolDir: string): Measured => ({
  async poolFreeBytes() {
    const { bavail, bsize } = await statfs(poolDir);
    return bavail * bsize;
  },
  memoryAvailableBytes: availableMemoryBytes,
  memoryTotalBytes: totalMemoryBytes,
});

/**
 * Says no before anything is half made. Counts what the host really has free, what it has promised to the machines that live,
 * and what it has promised to work under way: of many that ask at once, only as many get room as there is.
 *
 *     using room = await admission.reserve({ machines: { count: 1, memoryMb: 512 } });
 */
export class Admission {
  readonly #settings: AdmissionSettings;
  readonly #measured: Measured;
  readonly #livingMb: () => number;
  #heldMb = 0;
  #heldPoolBytes = 0;

  /** `livingMb`: guest memory of all machines that run or are paused. */
  constructor(options: { settings: AdmissionSettings; measured: Measured; livingMb: () => number }) {
    this.#settings = options.settings;
    this.#measured = options.measured;
    this.#livingMb = options.livingMb;
  }

  async reserve(needs: Needs): Promise<Room> {
    const memoryMb = (needs.machines?.count ?? 0) * (needs.machines?.memoryMb ?? 0);
    const poolBytes = (needs.machines?.count ?? 0) * MACHINE_POOL_BYTES + (needs.imageBytes ?? 0);
    const freeBytes = await this.#measured.poolFreeBytes();
    // From here to the end nothing else runs: what is looked at is what is taken.
    this.#requirePool(freeBytes, poolBytes, needs.mayUseReserve === true ? POOL_FLOOR_BYTES : POOL_RESERVE_BYTES);
    if (memoryMb > 0) this.#requireMemory(memoryMb);
    this.#heldMb += memoryMb;
    this.#heldPoolBytes += poolBytes;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#heldMb -= memoryMb;
        this.#heldPoolBytes -= poolBytes;
      },
    };
  }

  #requirePool(freeBytes: number, neededBytes: number, keptBytes: number): void {
    const leftBytes = freeBytes - this.#heldPoolBytes - keptBytes;
    if (leftBytes >= neededBytes) return;
    const figures = { free_mb: inMb(freeBytes), kept_mb: inMb(keptBytes), needed_mb: inMb(neededBytes) };
    throw new Refusal(
      "capacity.insufficient_storage",
      `the host's storage pool is full: this needs ${figures.needed_mb} MiB, and of ${figures.free_mb} MiB that are free, ` +
        `${figures.kept_mb} are kept and ${inMb(this.#heldPoolBytes)} promised; delete sandboxes or snapshots`,
      { details: { limit: "pool", ...figures, promised_mb: inMb(this.#heldPoolBytes) } },
    );
  }

  #requireMemory(neededMb: number): void {
    const { reserveMb, overcommit } = this.#settings;
    const budgetMb = (inMb(this.#measured.memoryTotalBytes()) - reserveMb) * overcommit;
    const promisedMb = this.#livingMb() + this.#heldMb;
    if (promisedMb + neededMb > budgetMb) {
      throw new Refusal(
        "capacity.insufficient_memory",
        `the host has promised all the memory that it may: ${promisedMb} of ${Math.max(0, Math.floor(budgetMb))} MiB, and this ` +
          `needs ${neededMb}; hibernate or delete sandboxes, or raise PANDASTACK_MEM_OVERCOMMIT (now ${overcommit})`,
        { details: { limit: "memory_promised", promised_mb: promisedMb, budget_mb: budgetMb, needed_mb: neededMb } },
      );
    }
    const freeMb = inMb(this.#measured.memoryAvailableBytes()) - reserveMb;
    // Guests rarely use what they were given: of a new one's memory this share must be free.
    if (freeMb * overcommit < this.#heldMb + neededMb) {
      throw new Refusal(
        "capacity.insufficient_memory",
        `the host has no memory free for this: ${Math.max(0, freeMb)} MiB above its reserve of ${reserveMb}; hibernate or delete sandboxes`,
        { details: { limit: "memory_free", free_mb: freeMb, reserve_mb: reserveMb, needed_mb: neededMb } },
      );
    }
  }
}

const inMb = (bytes: number): number => Math.floor(bytes / MIB);
