import type { HostNetwork, HostNetworkFigures } from "@pandastack/contracts/host";

/** Of a sandbox that has no slot. */
export const NO_FIGURES: HostNetworkFigures = {
  counters: { sentPackets: 0, sentBytes: 0, receivedPackets: 0, receivedBytes: 0, refusedPackets: 0 },
  refused: [],
};
import type { NetworkSlot } from "../network/slot.ts";

/** Where machines get their place in the network from; `network/` in earnest, numbers alone for the fake runtime. */
export interface SlotSource {
  /** Nothing may run in it before `configure`. */
  acquire(): Promise<NetworkSlot>;
  /** Puts a sandbox's policy in force, whole or not at all. */
  configure(slot: NetworkSlot, network: HostNetwork): Promise<void>;
  /** What a slot in use has sent, received and been refused; undefined where there is no network. */
  figures(slot: NetworkSlot): Promise<HostNetworkFigures | undefined>;
  /** Packets that slots have carried to and from the outside since they were made, by number; none where there is no network. */
  carried(): ReadonlyMap<number, bigint>;
  /** Tells of slots in which something was refused by name. */
  onRefused(listener: (slotNumber: number) => void): void;
  release(slot: NetworkSlot): Promise<void>;
  /** Users of the slots that a former life of this server holds, before `adopt`: whatever runs as one of them is this server's. */
  heldUids(): number[];
  /** After a restart: these are in use; whatever else this server had is taken down. Answers the numbers of those that are broken. */
  adopt(slots: readonly { slot: NetworkSlot; network: HostNetwork }[]): Promise<number[]>;
  /** `remove`: every trace goes. `leave`: slots in use stay for the next agent to adopt. */
  close(how: "remove" | "leave"): Promise<void>;
}

/** For machines that are nobody's sandbox, and reach nothing. */
export async function acquireShut(slots: SlotSource): Promise<NetworkSlot> {
  const slot = await slots.acquire();
  try {
    await slots.configure(slot, { egress: "off", egressMbps: null });
  } catch (error) {
    await slots.release(slot);
    throw error;
  }
  return slot;
}
