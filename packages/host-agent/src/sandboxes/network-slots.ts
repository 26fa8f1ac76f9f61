import type { HostNetwork, HostNetworkFigures } from "@pandastack/contracts/host";
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

  configure(slot: NetworkSlot, network: HostNetwork): Promise<void> {
    return this.#network.configure(slot.number, network);
  }

  figures(slot: NetworkSlot): Promise<HostNetworkFigures> {
    return this.#network.figures(slot.number);
  }

  carried(): ReadonlyMap<number, bigint> {
    return this.#network.carried();
  }

  onRefused(listener: (slotNumber: number) => void): void {
    this.#network.onRefused(listener);
  }

  release(slot: NetworkSlot): Promise<void> {
    return this.#network.release(slot.number);
  }

  heldUids(): number[] {
    return this.#network.found.map((number) => slotAddresses(number).uid);
  }

  async adopt(slots: readonly { slot: NetworkSlot; network: HostNetwork }[]): Promise<number[]> {
    const inUse = slots.map(({ slot, network }) => ({ number: slot.number, network }));
    const { broken } = await this.#network.adopt(inUse);
    return broken.map((slot) => slot.number);
  }

  close(how: "remove" | "leave"): Promise<void> {
    return this.#network.close(how);
  }
}
