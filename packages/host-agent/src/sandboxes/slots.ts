import type { NetworkSlot } from "../network/slot.ts";

/** Where machines get their place in the network from; `network/` in earnest, numbers alone for the fake runtime. */
export interface SlotSource {
  acquire(): Promise<NetworkSlot>;
  release(slot: NetworkSlot): Promise<void>;
  /** Users of the slots that a former life of this server holds, before `adopt`: whatever runs as one of them is this server's. */
  heldUids(): number[];
  /** After a restart: these are in use; whatever else this server had is taken down. Answers the numbers of those that are broken. */
  adopt(slots: readonly NetworkSlot[]): Promise<number[]>;
  /** `remove`: every trace goes. `leave`: slots in use stay for the next agent to adopt. */
  close(how: "remove" | "leave"): Promise<void>;
}
