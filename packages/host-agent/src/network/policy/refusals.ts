import type { HostNetworkFigures } from "@pandastack/contracts/host";

/** A destination that was refused, in the contract's words. `count`: packets where the kernel refused, else attempts. */
export type Refused = HostNetworkFigures["refused"][number];

/** Kept of one sandbox; the oldest make room. */
const MAX_KEPT = 256;
const MAX_DESTINATION_CHARACTERS = 255;

/** What a slot's resolver and proxy have refused. What its rules by address refuse, the kernel remembers. */
export class RefusalLog {
  readonly #kept = new Map<string, Refused>();
  readonly #onRefused: () => void;

  constructor(onRefused: () => void) {
    this.#onRefused = onRefused;
  }

  note(refused: Pick<Refused, "destination" | "protocol" | "port" | "reason">): void {
    const destination = printable(refused.destination);
    const key = JSON.stringify([destination, refused.protocol, refused.port, refused.reason]);
    const before = this.#kept.get(key);
    // Put in anew, it is the youngest.
    this.#kept.delete(key);
    this.#kept.set(key, { ...refused, destination, count: (before?.count ?? 0) + 1, lastAt: new Date().toISOString() });
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    this.#onRefused();
  }

  /** Newest first. */
  list(): Refused[] {
    return [...this.#kept.values()].reverse();
  }
}

/** A guest chose these bytes; whoever reads the log has a terminal. */
const printable = (text: string): string => text.slice(0, MAX_DESTINATION_CHARACTERS).replaceAll(/[^\x21-\x7e]/g, "?");
