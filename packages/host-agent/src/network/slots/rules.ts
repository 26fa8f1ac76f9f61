import { GATEWAY_IP, GUEST_IP, GUEST_MAC, slotAddresses } from "../addresses.ts";
import { closedSet } from "../closed.ts";
import { block, chain, indent } from "../host/rules.ts";
import { TAP, UPLINK } from "../names.ts";

/** Connections that one guest may have open: conntrack's memory is the host's. */
export const MAX_CONNECTIONS_PER_SLOT = 4096;

/** Addresses that a slot's resolver may have given out at a time. */
export const MAX_RESOLVED_ADDRESSES = 4096;
/** Destinations that are remembered as refused, and for how long since the last attempt. */
const MAX_REFUSALS = 256;
const REFUSAL_MEMORY = "1h";

const TAP_IN = `iifname "${TAP}"`;
const UPLINK_IN = `iifname "${UPLINK}"`;

/**
 * The rules inside a slot's netns, as nft text: NAT between the addresses that every guest believes in and the slot's own,
 * and courtesy to the guest (a quick refusal where the host would be silent). The host does not rely on them: see
 * `host/rules.ts`. They do bind a VMM that was taken over, which may open sockets in the netns but has no right to change it.
 *
 * By themselves they shut a slot: `redirections` and `egress` are empty until `policy/rules.ts` fills them. What the host dials
 * works.
 */
export function slotRules(number: number, maxConnections = MAX_CONNECTIONS_PER_SLOT): string {
  const { hostIp } = slotAddresses(number);
  const slot = [
    ...closedSet(),
    ...["allowed", "denied", "opened"].flatMap((set) => block(`set ${set}`, ["type ipv4_addr", "flags interval"])),
    ...block("set resolved", ["type ipv4_addr", "flags timeout", `size ${MAX_RESOLVED_ADDRESSES}`]),
    ...block("set refusals", [
      "type ipv4_addr . inet_proto . inet_service",
      "flags dynamic,timeout",
      `timeout ${REFUSAL_MEMORY}`,
      `size ${MAX_REFUSALS}`,
    ]),
    ...["sent", "received", "refused"].flatMap((counter) => block(`counter ${counter}`, [])),
    ...chain("redirections", []),
    ...chain("prerouting", [
      "type nat hook prerouting priority dstnat; policy accept;",
      `${UPLINK_IN} ip daddr ${hostIp} meta l4proto { tcp, udp } dnat to ${GUEST_IP}`,
      `${TAP_IN} jump redirections`,
    ]),
    ...chain("postrouting", [
      "type nat hook postrouting priority srcnat; policy accept;",
      `oifname "${UPLINK}" snat to ${hostIp}`,
      `oifname "${TAP}" snat to ${GATEWAY_IP}`,
    ]),
    ...chain("passed", [`${TAP_IN} counter name sent accept`, "counter name received accept"]),
    ...chain("refused", [
      `iifname != "${TAP}" drop`,
      "counter name refused",
      // Full, it has no room for one more: then that is counted, and not remembered.
      "meta l4proto { tcp, udp, icmp } update @refusals { ct original ip daddr . meta l4proto . th dport counter }",
      // A connection that was allowed before hears of its end; an ICMP error would let it try again for minutes.
      "meta l4proto tcp ct state established reject with tcp reset",
      "reject with icmp type admin-prohibited",
    ]),
    ...chain("egress", []),
    ...chain("forwarded", [
      "type filter hook forward priority filter; policy drop;",
      // A restored guest goes on talking on connections of another life: end them at once instead of letting them hang.
      `${TAP_IN} meta l4proto tcp ct state invalid reject with tcp reset`,
      "ct state invalid drop",
      // What the host dials, and the answers to it.
      `${UPLINK_IN} ct direction original ct status dnat goto passed`,
      `${TAP_IN} ct direction reply goto passed`,
      `${TAP_IN} ct state new ct count over ${maxConnections} drop`,
      "jump egress",
      "goto refused",
    ]),
    ...chain("input", [
      "type filter hook input priority filter; policy drop;",
      "ct state established,related accept",
      "icmp type echo-request accept",
      `${TAP_IN} meta l4proto tcp reject with tcp reset`,
    ]),
    ...chain("output", [
      "type filter hook output priority filter; policy drop;",
      "ct state established,related accept",
      // Of our own making: the refusals above.
      `oifname "${TAP}" tcp flags & rst == rst accept`,
      `oifname "${TAP}" icmp type { destination-unreachable, time-exceeded } accept`,
    ]),
  ];
  return [guardRules(), "table ip slot {", ...indent(slot), "}", ""].join("\n");
}

/** What a guest may send at all. Bound to the device: one that takes the tap's place needs it again, see `guardAgain`. */
function guardRules(): string {
  const guard = chain("ingress", [
    `type filter hook ingress device "${TAP}" priority -500; policy drop;`,
    `ether saddr != ${GUEST_MAC} drop`,
    `ip saddr ${GUEST_IP} accept`,
    `arp saddr ether ${GUEST_MAC} arp saddr ip { 0.0.0.0, ${GUEST_IP} } accept`,
  ]);
  return ["table netdev guard {", ...indent(guard), "}"].join("\n");
}

export const guardAgain = (): string => `table netdev guard\ndelete table netdev guard\n${guardRules()}\n`;
