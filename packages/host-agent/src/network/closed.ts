/**
 * Destinations that a sandbox never reaches. The host's own addresses are shut as well, but by what the kernel says of them
 * at that moment, not by a list. Other reserved ranges stay open: mirrors and gateways live in some.
 */
export const CLOSED_NETWORKS: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8", // private, and with it 10.200.0.0/16: the other slots
  "100.64.0.0/10", // carrier-grade NAT, overlay networks
  "127.0.0.0/8",
  "169.254.0.0/16", // link-local: cloud metadata
  "172.16.0.0/12",
  "192.168.0.0/16",
  "224.0.0.0/4", // multicast
  "255.255.255.255/32",
];

/** An nft set of the closed networks, one statement a line. */
export const closedSet = (): string[] => [
  "set closed {",
  "  type ipv4_addr",
  "  flags interval",
  `  elements = { ${CLOSED_NETWORKS.join(", ")} }`,
  "}",
];
