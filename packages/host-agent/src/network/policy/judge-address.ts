import { contains, parseCidr, type Cidr } from "@pandastack/contracts/host";
import { CLOSED_NETWORKS } from "../closed.ts";
import type { SlotPolicy } from "./rules.ts";

const closed: readonly Cidr[] = CLOSED_NETWORKS.map(network);

/**
 * Whether a name's address may be told and dialled: a public name that leads to a private address is somebody's attempt to
 * get at what the rules by address shut. The host's own addresses are not looked for here: see `host/own-address.ts`.
 */
export function isUsableAddress(policy: SlotPolicy, address: string): boolean {
  const one = parseCidr(address);
  if (typeof one === "string" || one.prefix !== 32) return false;
  const lies = (cidrs: readonly Cidr[]): boolean => cidrs.some((cidr) => contains(cidr, one));
  if (lies(policy.deny.cidrs)) return false;
  return lies(policy.allowPrivate) || !lies(closed);
}

function network(text: string): Cidr {
  const cidr = parseCidr(text);
  if (typeof cidr === "string") throw new TypeError(`${text} ${cidr}`);
  return cidr;
}
