import { GATEWAY_IP, GATEWAY_MAC, GUEST_IP, GUEST_MAC, GUEST_PREFIX_LENGTH, slotAddresses } from "../addresses.ts";
import { GUEST_LINK, slotName, TAP, UPLINK } from "../names.ts";

/** `ip -batch` text for the host: the netns and the veth pair, its host side up. */
export function outsideCommands(serverId: string, number: number, options: { hasIpv6: boolean }): string {
  const name = slotName(serverId, number);
  const { vethIp } = slotAddresses(number);
  return lines([
    `netns add ${name}`,
    `link add ${name} type veth peer name ${UPLINK} netns ${name}`,
    // No link-local address: nothing of the host's should be there to talk to. Kernels without IPv6 refuse the word.
    `link set ${name} ${options.hasIpv6 ? "addrgenmode none " : ""}up`,
    `addr add ${vethIp}/30 dev ${name}`,
  ]);
}

/** `ip -batch` text for the inside of the netns: uplink, tap, and the guest as a neighbour that needs no asking. */
export function insideCommands(number: number): string {
  const { vethIp, hostIp, uid } = slotAddresses(number);
  return lines([
    `link set ${UPLINK} up`,
    `addr add ${hostIp}/30 dev ${UPLINK}`,
    `route add default via ${vethIp}`,
    `tuntap add dev ${TAP} mode tap user ${uid} group ${uid}`,
    ...gatewayCommands(),
  ]);
}

/** The gateway's side of the guest's link, once a device with the tap's name is there. */
export const gatewayCommands = (): string[] => [
  `link set ${TAP} address ${GATEWAY_MAC} up`,
  `addr add ${GATEWAY_IP}/${GUEST_PREFIX_LENGTH} dev ${TAP}`,
  `neigh replace ${GUEST_IP} lladdr ${GUEST_MAC} nud permanent dev ${TAP}`,
];

/**
 * For a guest whose network stack takes the packets from a link of its own (gVisor): `ip -batch` text that puts one end of a veth
 * pair in the tap's place, where all rules hold for it by name, and the other, as `eth0`, into a netns that has nothing else.
 */
export const vethCommands = (guestNetns: string): string =>
  lines([
    `link del ${TAP}`,
    `link add ${TAP} type veth peer name ${GUEST_LINK} address ${GUEST_MAC} netns ${guestNetns}`,
    ...gatewayCommands(),
  ]);

/** The guest's end: what runsc takes over, address and route included, when it makes a container; so they are said each time. */
export const guestLinkCommands = (options: { hasIpv6: boolean }): string =>
  lines([
    "link set lo up",
    // No link-local address, which the guest would take over, too.
    `link set ${GUEST_LINK} ${options.hasIpv6 ? "addrgenmode none " : ""}up`,
    `addr replace ${GUEST_IP}/${GUEST_PREFIX_LENGTH} dev ${GUEST_LINK}`,
    `route replace default via ${GATEWAY_IP}`,
  ]);

/**
 * Makes a slot: $1 the `ip` batch for the host, $2 the netns's path, $3 the `ip` batch for its inside, $4 its nft text. A
 * constant, nothing is put into it; one program for the agent to start instead of six. Without "loose", conntrack does not
 * adopt a connection that it first sees in the middle; the switch is there because the host's rules have loaded conntrack.
 * Refusals are not held to one a second: a guest that goes on sending where it may not would keep its own connections waiting
 * for theirs, minutes long. The limit for all destinations together (1,000 a second) stays.
 */
export const MAKE_SCRIPT = `set -e
ip -batch - <<END
$1
END
exec nsenter --net="$2" sh -c '
set -e
cd /proc/sys/net
echo 1 >ipv4/ip_forward
[ ! -e ipv6 ] || echo 1 >ipv6/conf/all/disable_ipv6
[ ! -e ipv6 ] || echo 1 >ipv6/conf/default/disable_ipv6
echo 0 >ipv4/conf/all/send_redirects
echo 0 >ipv4/conf/default/send_redirects
echo 0 >netfilter/nf_conntrack_tcp_loose
echo 0 >ipv4/icmp_ratelimit
ip -batch - <<END
$1
END
exec nft -f - <<END
$2
END
' slot "$3" "$4"
`;

const lines = (commands: readonly string[]): string => commands.map((command) => `${command}\n`).join("");
