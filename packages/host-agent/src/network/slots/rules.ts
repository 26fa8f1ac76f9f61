import { GATEWAY_IP, GUEST_IP, GUEST_MAC, RESOLVER_PORT, slotAddresses } from "../addresses.ts";
import { closedSet } from "../closed.ts";
import { chain, indent } from "../host/rules.ts";
import { TAP, UPLINK } from "../names.ts";

/** Connections that one guest may have open: conntrack's memory is the host's. */
export const MAX_CONNECTIONS_PER_SLOT = 4096;

const TAP_IN = `iifname "${TAP}"`;
const UPLINK_IN = `iifname "${UPLINK}"`;

/**
 * The rules inside a slot's netns, as nft text: NAT between the addresses that every guest believes in and the slot's own,
 * and courtesy to the guest (a quick refusal where the host would be silent). The host does not rely on them: see
 * `host/rules.ts`. They do bind a VMM that was taken over, which may open sockets in the netns but has no right to change it.
 */
export function slotRules(number: number, maxConnections = MAX_CONNECTIONS_PER_SLOT): string {
  const { vethIp, hostIp } = slotAddresses(number);
  const resolver = `${vethIp}:${RESOLVER_PORT}`;
  const guard = chain("ingress", [
    `type filter hook ingress device "${TAP}" priority -500; policy drop;`,
    `ether saddr != ${GUEST_MAC} drop`,
    `ip saddr ${GUEST_IP} accept`,
    `arp saddr ether ${GUEST_MAC} arp saddr ip { 0.0.0.0, ${GUEST_IP} } accept`,
  ]);
  const slot = [
    ...closedSet(),
    ...chain("prerouting", [
      "type nat hook prerouting priority dstnat; policy accept;",
      `${UPLINK_IN} ip daddr ${hostIp} meta l4proto { tcp, udp } dnat to ${GUEST_IP}`,
      `${TAP_IN} ip daddr ${GATEWAY_IP} udp dport 53 dnat to ${resolver}`,
      `${TAP_IN} ip daddr ${GATEWAY_IP} tcp dport 53 dnat to ${resolver}`,
    ]),
    ...chain("postrouting", [
      "type nat hook postrouting priority srcnat; policy accept;",
      `oifname "${UPLINK}" snat to ${hostIp}`,
      `oifname "${TAP}" snat to ${GATEWAY_IP}`,
    ]),
    ...chain("forwarded", [
      "type filter hook forward priority filter; policy drop;",
      // A restored guest goes on talking on connections of another life: end them at once instead of letting them hang.
      `${TAP_IN} meta l4proto tcp ct state invalid reject with tcp reset`,
      "ct state invalid drop",
      "ct state established,related accept",
      `${TAP_IN} ct count over ${maxConnections} drop`,
      // What the host dials, and the guest's questions to the resolver.
      "ct status dnat accept",
      `${TAP_IN} ip daddr @closed reject with icmp type admin-prohibited`,
      `${TAP_IN} oifname "${UPLINK}" accept`,
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
  return ["table netdev guard {", ...indent(guard), "}", "table ip slot {", ...indent(slot), "}", ""].join("\n");
}
