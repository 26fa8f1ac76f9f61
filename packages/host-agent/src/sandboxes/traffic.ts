import type { HostUse } from "@pandastack/contracts/host";
import type { SandboxEntry } from "./entry.ts";
import type { SlotSource } from "./slots.ts";

/** How exactly the moment of the last packet is known. A look reads one small file. */
const LOOK_MS = 2000;

interface Seen {
  readonly machineId: string;
  packets: bigint;
  /** When the count was seen to have changed, by performance.now(). */
  changedAtMs: number;
}

/**
 * Since when each machine's network is silent, by the kernel's count of what its slot has carried. Packets that were refused
 * are not carried. An agent that has just started knows of no silence before itself.
 */
export class Traffic {
  readonly #entries: ReadonlyMap<string, SandboxEntry>;
  readonly #slots: Pick<SlotSource, "carried">;
  readonly #seen = new Map<string, Seen>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { entries: ReadonlyMap<string, SandboxEntry>; slots: Pick<SlotSource, "carried"> }) {
    this.#entries = options.entries;
    this.#slots = options.slots;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    for (const id of this.#seen.keys()) if (!this.#entries.has(id)) this.#seen.delete(id);
    const carried = this.#slots.carried();
    for (const entry of this.#entries.values()) this.#lookAt(entry, carried);
  }

  /** As of now. */
  use(entry: SandboxEntry, carried = this.#slots.carried()): HostUse {
    const seen = this.#lookAt(entry, carried);
    return { isOpen: entry.isOpen, quietMs: seen && Math.floor(performance.now() - seen.changedAtMs) };
  }

  #lookAt({ record: { id, machine } }: SandboxEntry, carried: ReadonlyMap<number, bigint>): Seen | null {
    const packets = machine ? carried.get(machine.slot.number) : undefined;
    if (!machine || packets === undefined) {
      this.#seen.delete(id);
      return null;
    }
    const seen = this.#seen.get(id);
    if (seen?.machineId === machine.machineId && seen.packets === packets) return seen;
    const changed = { machineId: machine.machineId, packets, changedAtMs: performance.now() };
    this.#seen.set(id, changed);
    return changed;
  }
}
