import { HTTP_PROXY_PORT, RESOLVER_PORT, TLS_PROXY_PORT } from "../addresses.ts";
import { lookInSlot } from "../slots/kernel.ts";
import type { HostNetworkFigures } from "@pandastack/contracts/host";
import type { Refused } from "./refusals.ts";

interface NftDocument {
  readonly nftables?: readonly {
    readonly counter?: { readonly name: string; readonly packets: number; readonly bytes: number };
    readonly set?: { readonly elem?: readonly RefusalElement[] };
  }[];
}

interface RefusalElement {
  readonly elem: {
    readonly val: { readonly concat: readonly [string, string | number, number | string] };
    readonly counter?: { readonly packets: number };
    readonly expires?: number;
    readonly timeout?: number;
  };
}

/** Connections that were sent to the resolver or the proxy and are refused since then. */
const MEANT_FOR: Readonly<Record<number, number>> = {
  [RESOLVER_PORT]: 53,
  [HTTP_PROXY_PORT]: 80,
  [TLS_PROXY_PORT]: 443,
};

/** The kernel's counters and memory of a slot. */
export async function kernelFigures(serverId: string, number: number): Promise<HostNetworkFigures> {
  const documents = (await lookInSlot(
    serverId,
    number,
    "list counters table ip slot; list set ip slot refusals",
  )) as NftDocument[];
  const items = documents.flatMap((document) => document.nftables ?? []);
  const counters = new Map(items.flatMap(({ counter }) => (counter ? [[counter.name, counter] as const] : [])));
  const packets = (name: string): number => counters.get(name)?.packets ?? 0;
  const bytes = (name: string): number => counters.get(name)?.bytes ?? 0;
  return {
    counters: {
      sentPackets: packets("sent"),
      sentBytes: bytes("sent"),
      receivedPackets: packets("received"),
      receivedBytes: bytes("received"),
      refusedPackets: packets("refused"),
    },
    refused: items.flatMap(({ set }) => (set?.elem ?? []).map(toRefused)),
  };
}

function toRefused({ elem }: RefusalElement): Refused {
  const [destination, protocol, port] = elem.val.concat;
  const over = protocol === "tcp" || protocol === "udp" ? protocol : "icmp";
  const age = (elem.timeout ?? 0) - (elem.expires ?? 0);
  return {
    destination,
    protocol: over,
    port: over === "icmp" ? null : (MEANT_FOR[Number(port)] ?? Number(port)),
    reason: "address",
    count: elem.counter?.packets ?? 1,
    lastAt: new Date(Date.now() - age * 1000).toISOString(),
  };
}
