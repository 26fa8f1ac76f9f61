import type { NetworkSlot } from "../runtimes/runtime.ts";

/** Where machines get their place in the network from; `network/` in earnest, numbers alone for the fake runtime. */
export interface SlotSource {
  acquire(): Promise<NetworkSlot>;
  release(slot: NetworkSlot): Promise<void>;
  /** After a restart: these are in use; whatever else this server had is taken down or used again. */
  adopt(slots: readonly NetworkSlot[]): Promise<void>;
  /** `remove`: every trace goes. `leave`: slots in use stay for the next agent to adopt. */
  close(how: "remove" | "leave"): Promise<void>;
}
