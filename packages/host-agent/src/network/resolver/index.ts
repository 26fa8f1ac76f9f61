import { Forwarder } from "./forwarder.ts";
import { NameServers } from "./servers.ts";
import { SlotResolver } from "./slot-resolver.ts";

/** Opens the sockets on which slots ask. Needs nothing of the rest of the network: it could be a process of its own. */
export interface Resolver {
  open(slot: { address: string; port: number; askerIp: string }): Promise<SlotResolver>;
}

export function createResolver(options: { resolvConfPath: string; serverPort?: number }): Resolver {
  const servers = new NameServers(options.resolvConfPath);
  const forwarder = new Forwarder({ servers, serverPort: options.serverPort ?? 53 });
  return { open: (slot) => SlotResolver.open({ ...slot, forwarder }) };
}

export type { SlotResolver };
