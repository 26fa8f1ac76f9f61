import { slotAddresses, type Network } from "../network/index.ts";
import type { NetworkSlot } from "../network/slot.ts";
import type { SlotSource } from "./slots.ts";

/** Real slots: see `network/`. */
export class NetworkSlots implements SlotSource {
  readonly #network: Network;
  constructor(network: Network) {
    this.#network = network;
  }

  acquire(): Promise<NetworkSlot> {
    return this.#network.acquire();
  }

  release(slot: NetworkSlot): Promise<void> {
    return this.#network.release(slot.number);
  }

  heldUids(): number[] {
    return this.#network.found.map((number) => slotAddresses(number).uid);
  }

  async adopt(slots: readonly NetworkSlot[]): Promise<number[]> {
    const { broken } = await this.#network.adopt(slots.map((slot) => slot.number));
    return broken.map((slot) => slot.number);
  }

  close(how: "remove" | "leave"): Promise<void> {
    return this.#network.close(how);
  }
}
