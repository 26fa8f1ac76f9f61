import { formatCidr, withoutNested, type Cidr } from "@pandastack/contracts/host";
import { HTTP_PROXY_PORT, RESOLVER_PORT, SLOT_NETWORK, TLS_PROXY_PORT } from "../addresses.ts";
import { closedSet } from "../closed.ts";
import { slotPrefix, tableName } from "../names.ts";

/**
 * The host's rules for one server's slots, as nft text that replaces the table in one transaction.
 *
 * What a slot sends is judged before any DNAT of the host's (a published container port would change its destination) and
 * again where it is forwarded or delivered. No rule names a slot: links are matched by prefix and sources by the route that
 * leads back to them, so that making and removing slots never touches the host's rule set.
 *
 * `opened`: private networks that the operator lets policies open. Which sandbox may reach them is for its slot's rules.
 */
export function hostRules(serverId: string, opened: readonly Cidr[] = []): string {
  const table = `inet ${tableName(serverId)}`;
  const slots = `"${slotPrefix(serverId)}*"`;
  const chains = [
    ...closedSet(),
    ...openedSet(opened),
    ...chain("to_host", [
      // Replies to what the host dialled, and ICMP errors about it.
      "ct direction reply accept",
      "ct state related accept",
      `udp dport ${RESOLVER_PORT} accept`,
      `tcp dport { ${RESOLVER_PORT}, ${HTTP_PROXY_PORT}, ${TLS_PROXY_PORT} } accept`,
      "icmp type echo-request accept",
      "drop",
    ]),
    ...chain("from_slot", [
      "meta nfproto != ipv4 drop",
      // Only the slot's own address: the way back to the source must lead through the same link.
      "fib saddr . iif oif missing drop",
      // What conntrack does not know would leave without NAT, with its inner address.
      "ct state invalid drop",
      "ct direction reply accept",
      "ct state related accept",
      // The host side of this very veth: resolver and ping.
      "fib daddr . iif type local goto to_host",
      // Every other address of the host, broadcast, multicast.
      "fib daddr type != unicast drop",
      `ip daddr ${SLOT_NETWORK} drop`,
      "ip daddr @closed ip daddr != @opened drop",
    ]),
    ...chain("prerouting", [
      "type filter hook prerouting priority mangle; policy accept;",
      `iifname ${slots} jump from_slot`,
    ]),
    ...chain("input", ["type filter hook input priority filter; policy accept;", `iifname ${slots} goto to_host`]),
    ...chain("forward", [
      "type filter hook forward priority filter; policy accept;",
      // Nobody but the host itself begins a connection to a slot.
      `oifname ${slots} ct state established,related ct direction reply accept`,
      `oifname ${slots} drop`,
      `iifname ${slots} meta nfproto != ipv4 drop`,
      `iifname ${slots} ip daddr ${SLOT_NETWORK} drop`,
      `iifname ${slots} ip daddr @closed ip daddr != @opened drop`,
      // Paths with a smaller MTU whose ICMP errors get lost.
      `iifname ${slots} tcp flags syn / syn,rst tcp option maxseg size set rt mtu`,
    ]),
    ...chain("postrouting", [
      "type nat hook postrouting priority srcnat; policy accept;",
      `iifname ${slots} oifname != ${slots} masquerade`,
    ]),
  ];
  // "table" first: deleting one that does not exist is an error, declaring one that exists is not.
  return [`table ${table}`, `delete table ${table}`, `table ${table} {`, ...indent(chains), "}", ""].join("\n");
}

function openedSet(opened: readonly Cidr[]): string[] {
  const elements = withoutNested(opened).map(formatCidr).join(", ");
  const filled = elements === "" ? [] : [`elements = { ${elements} }`];
  return block("set opened", ["type ipv4_addr", "flags interval", ...filled]);
}

export const chain = (name: string, statements: readonly string[]): string[] => block(`chain ${name}`, statements);

export const block = (head: string, statements: readonly string[]): string[] => [
  `${head} {`,
  ...indent(statements),
  "}",
];

export const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
