import { createHash } from "node:crypto";
import {
  contains,
  formatCidr,
  hasDomains,
  parseCidr,
  readEgress,
  type Cidr,
  type EgressPolicy,
  type HostNetwork,
} from "@pandastack/contracts/host";
import { GATEWAY_IP, HTTP_PROXY_PORT, RESOLVER_PORT, slotAddresses, TLS_PROXY_PORT } from "../addresses.ts";

/** What a slot's rules are made from. */
export interface SlotPolicy extends EgressPolicy {
  readonly network: HostNetwork;
  /** What goes to ports 80 and 443 has to say a name, which is judged. */
  readonly readsNames: boolean;
  /** Never 0: connections bear it as their mark, and only those that were judged by the policy in force go on unjudged. */
  readonly mark: number;
}

/** `operatorPrivate`: private networks that may be opened on this host at all; what a policy names beyond them stays shut. */
export function slotPolicy(network: HostNetwork, operatorPrivate: readonly Cidr[]): SlotPolicy {
  const policy = readEgress(network.egress);
  const allowPrivate = policy.allowPrivate.filter((cidr) => operatorPrivate.some((outer) => contains(outer, cidr)));
  const { isOff, allow, deny } = policy;
  const text = JSON.stringify({ isOff, allow, deny, allowPrivate });
  const mark = createHash("sha256").update(text).digest().readUInt32BE() || 1;
  return { isOff, allow, deny, allowPrivate, network, readsNames: hasDomains(policy), mark };
}

/** Text of an operator's list of networks, separated by commas or spaces. */
export function readNetworks(text: string | undefined): Cidr[] {
  return (text ?? "")
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((part) => {
      const cidr = parseCidr(part);
      if (typeof cidr === "string") throw new Error(`PANDASTACK_ALLOW_PRIVATE: ${part} ${cidr}`);
      return cidr;
    });
}

/** Found in the kernel's rules: says which policy a slot has. */
export const policyComment = ({ mark }: Pick<SlotPolicy, "mark">): string => `policy ${mark.toString(16)}`;

const POLICY_SETS = ["allowed", "denied", "opened", "resolved"] as const;

/**
 * The policy of a slot as nft text that takes the place of another in one transaction: no packet is judged by a mixture of the
 * two, and none meets no rules. It fills the chains `redirections` and `egress` of `slots/rules.ts` and their sets.
 *
 * Conditions look at a connection's first destination (`ct original`), so that both directions are judged alike and a
 * connection from before the change ends as soon as either side says something.
 */
export function policyRules(number: number, policy: SlotPolicy, resolved: readonly ResolvedAddress[] = []): string {
  const { vethIp } = slotAddresses(number);
  const lines = ["flush chain ip slot redirections", "flush chain ip slot egress"];
  for (const set of POLICY_SETS) lines.push(`flush set ip slot ${set}`);
  const fill = (set: string, cidrs: readonly Cidr[]): void => {
    if (cidrs.length > 0) lines.push(`add element ip slot ${set} { ${cidrs.map(formatCidr).join(", ")} }`);
  };
  fill("allowed", policy.allow?.cidrs ?? []);
  fill("denied", policy.deny.cidrs);
  fill("opened", policy.allowPrivate);
  lines.push(...addResolved(resolved));
  for (const rule of redirections(policy, vethIp)) lines.push(`add rule ip slot redirections ${rule}`);
  for (const rule of judgement(policy, vethIp)) lines.push(`add rule ip slot egress ${rule}`);
  return `${lines.join("\n")}\n`;
}

export interface ResolvedAddress {
  readonly address: string;
  /** Whole seconds from now. */
  readonly seconds: number;
}

/** Adding an element that is there does not prolong it; taking it out and putting it in again, in one transaction, does. */
export const addResolved = (resolved: readonly ResolvedAddress[]): string[] =>
  resolved.flatMap(({ address, seconds }) => [
    `add element ip slot resolved { ${address} timeout ${seconds}s }`,
    `delete element ip slot resolved { ${address} }`,
    `add element ip slot resolved { ${address} timeout ${seconds}s }`,
  ]);

/** DNS goes to the slot's resolver; with domain rules, the web goes to its proxy, which reads the name. */
function redirections(policy: SlotPolicy, vethIp: string): string[] {
  if (policy.isOff) return [];
  const dns = ["udp", "tcp"].map(
    (over) => `ip daddr ${GATEWAY_IP} ${over} dport 53 dnat to ${vethIp}:${RESOLVER_PORT}`,
  );
  if (!policy.readsNames) return dns;
  // What rules by address decide goes straight on.
  const byName = "ip daddr != @closed ip daddr != @opened ip daddr != @denied ip daddr != @allowed";
  return [
    ...dns,
    `${byName} tcp dport 80 dnat to ${vethIp}:${HTTP_PROXY_PORT}`,
    `${byName} tcp dport 443 dnat to ${vethIp}:${TLS_PROXY_PORT}`,
  ];
}

function judgement(policy: SlotPolicy, vethIp: string): string[] {
  const comment = `comment "${policyComment(policy)}"`;
  if (policy.isOff) return [`goto refused ${comment}`];
  const mark = `0x${policy.mark.toString(16)}`;
  const pass = `ct mark set ${mark} goto passed`;
  const redirectedTo = (port: number, over: string): string =>
    `ct reply ip saddr ${vethIp} meta l4proto ${over} ct reply proto-src ${port} ${pass}`;
  return [
    `ct mark ${mark} goto passed ${comment}`,
    redirectedTo(RESOLVER_PORT, "udp"),
    redirectedTo(RESOLVER_PORT, "tcp"),
    "ct original ip daddr @denied goto refused",
    `ct original ip daddr @opened ${pass}`,
    "ct original ip daddr @closed goto refused",
    ...(policy.readsNames
      ? [
          redirectedTo(HTTP_PROXY_PORT, "tcp"),
          redirectedTo(TLS_PROXY_PORT, "tcp"),
          `ct original ip daddr @allowed ${pass}`,
          // The web that did not come by the proxy: QUIC, connections from before these rules.
          "meta l4proto tcp ct original proto-dst 80 goto refused",
          "meta l4proto tcp ct original proto-dst 443 goto refused",
          "meta l4proto udp ct original proto-dst 80 goto refused",
          "meta l4proto udp ct original proto-dst 443 goto refused",
          `ct original ip daddr @resolved ${pass}`,
        ]
      : [`ct original ip daddr @allowed ${pass}`]),
    policy.allow === null ? pass : "goto refused",
  ];
}
