import { randomInt } from "node:crypto";
import { askByTcp, askByUdp } from "./exchange.ts";
import { Forwarder } from "./forwarder.ts";
import type { NameGate } from "./gate.ts";
import { addressQuery, readAddresses, type Addresses } from "./records.ts";
import { NameServers } from "./servers.ts";
import { SlotResolver } from "./slot-resolver.ts";

/** Opens the sockets on which slots ask. Needs nothing of the rest of the network: it could be a process of its own. */
export interface Resolver {
  open(slot: { address: string; port: number; askerIp: string; gate?: NameGate }): Promise<SlotResolver>;
  /** A name's IPv4 addresses, for the host itself; undefined when nobody can say. Never rejects. */
  lookup(name: string, signal: AbortSignal): Promise<Addresses | undefined>;
}

export function createResolver(options: { resolvConfPath: string; serverPort?: number }): Resolver {
  const servers = new NameServers(options.resolvConfPath);
  const forwarder = new Forwarder({ servers, serverPort: options.serverPort ?? 53 });
  return {
    open: (slot) => SlotResolver.open({ ...slot, forwarder }),
    lookup: async (name, signal) => {
      const { query, questionEnd } = addressQuery(name, randomInt(65_536));
      const short = await forwarder.answer(query, askByUdp, signal);
      const isTruncated = short !== undefined && (short[2]! & 0x02) !== 0;
      const answer = isTruncated ? await forwarder.answer(query, askByTcp, signal) : short;
      return answer === undefined || (answer[3]! & 15) !== 0 ? undefined : readAddresses(answer, questionEnd);
    },
  };
}

export type { Addresses, NameGate, SlotResolver };
