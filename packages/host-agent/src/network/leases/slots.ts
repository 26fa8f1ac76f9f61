import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Fault, writeFileAtomic } from "@pandastack/platform";
import { isSlotNumber, SLOT_COUNT } from "../addresses.ts";

/** How many numbers are tried when other servers take the same ones at the same moment. */
const MAX_ATTEMPTS = 64;

/**
 * Slot numbers, leased host-wide: `<runDir>/slots/<number>` holds the owner's server id. A lease is a hard link to a file that
 * was written before, so that it appears whole or not at all, and to one server only.
 */
export class SlotLeases {
  private readonly folder: string;
  private readonly serverId: string;

  constructor(runDir: string, serverId: string) {
    this.folder = join(runDir, "slots");
    this.serverId = serverId;
    mkdirSync(this.folder, { recursive: true, mode: 0o755 });
  }

  /** Leases the lowest free number. */
  acquire(): number {
    const original = this.originalPath();
    // Written once and never again: all leases are this file.
    if (!existsSync(original)) writeFileAtomic(original, this.serverId, 0o644);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const number = this.lowestFree();
      try {
        linkSync(original, join(this.folder, String(number)));
        return number;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
    throw new Fault("capacity.unavailable", "no network slot could be leased", {
      operatorMessage: `other servers took ${MAX_ATTEMPTS} slot numbers in a row from under this one`,
    });
  }

  release(number: number): void {
    if (this.owner(number) === this.serverId) rmSync(join(this.folder, String(number)), { force: true });
  }

  /** Numbers that this server holds. */
  held(): number[] {
    return this.numbers().filter((number) => this.owner(number) === this.serverId);
  }

  /** Removes what is no lease: the file that leases are links to. */
  close(): void {
    rmSync(this.originalPath(), { force: true });
  }

  private owner(number: number): string | undefined {
    try {
      return readFileSync(join(this.folder, String(number)), "utf8");
    } catch {
      return undefined;
    }
  }

  private numbers(): number[] {
    return readdirSync(this.folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter(isSlotNumber)
      .toSorted((a, b) => a - b);
  }

  private lowestFree(): number {
    let free = 0;
    for (const number of this.numbers()) {
      if (number > free) break;
      free = number + 1;
    }
    if (free >= SLOT_COUNT)
      throw new Fault("capacity.unavailable", `all ${SLOT_COUNT} network slots of this host are in use`);
    return free;
  }

  private originalPath(): string {
    return join(this.folder, `.${this.serverId}`);
  }
}
