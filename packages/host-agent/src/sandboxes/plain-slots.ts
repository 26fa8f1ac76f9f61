import type { NetworkSlot } from "../network/slot.ts";
import type { SlotSource } from "./slots.ts";

/** Numbers without a network, for runtimes that have none. */
export class PlainSlots implements SlotSource {
  readonly #used = new Set<number>();

  acquire(): Promise<NetworkSlot> {
    let number = 0;
    while (this.#used.has(number)) number++;
    this.#used.add(number);
    return Promise.resolve(plainSlot(number));
  }

  configure(): Promise<void> {
    return Promise.resolve();
  }

  figures(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  carried(): ReadonlyMap<number, bigint> {
    return new Map();
  }

  onRefused(): void {
    // Nothing is refused where there is no network.
  }

  release(slot: NetworkSlot): Promise<void> {
    this.#used.delete(slot.number);
    return Promise.resolve();
  }

  heldUids(): number[] {
    return [];
  }

  adopt(slots: readonly { slot: NetworkSlot }[]): Promise<number[]> {
    for (const { slot } of slots) this.#used.add(slot.number);
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function plainSlot(number: number): NetworkSlot {
  return {
    number,
    netns: "none",
    tap: "none",
    mac: "02:00:00:00:00:00",
    hostIp: `10.200.${(number >> 6) & 255}.${(number & 63) * 4 + 2}`,
    guestIp: "169.254.100.2",
    gatewayIp: "169.254.100.1",
    uid: 65_534,
  };
}
