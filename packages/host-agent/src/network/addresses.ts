import { invariant } from "@pandastack/platform";

/**
 * The address plan. Outside, slot `n` owns the n-th /30 of 10.200.0.0/16:
 *
 *     10.200.x.y+1   host side of the slot's veth (and where its resolver listens)
 *     10.200.x.y+2   the slot: what the host dials, what the API calls `guest_ip`
 *
 * Inside, every slot is the same, MAC addresses included: a restored guest finds the network that it was baked in, and
 * what its ARP cache remembers of the gateway is still true.
 */
export const SLOT_COUNT = 16_384;
export const SLOT_NETWORK = "10.200.0.0/16";
export const GUEST_IP = "169.254.100.2";
export const GATEWAY_IP = "169.254.100.1";
export const GUEST_PREFIX_LENGTH = 30;
export const GUEST_MAC = "02:70:73:00:00:02";
export const GATEWAY_MAC = "02:70:73:00:00:01";

/** First uid of the slots' machines: slot n runs as `FIRST_SLOT_UID + n`, user and group. */
export const FIRST_SLOT_UID = 720_000;

/** Where a slot's resolver listens on the host side of its veth. Not 53: a resolver of the host's may hold the wildcard. */
export const RESOLVER_PORT = 7153;
/** Where its proxy listens, likewise, while a policy has domain rules: for what was meant for port 80, and for 443. */
export const HTTP_PROXY_PORT = 7180;
export const TLS_PROXY_PORT = 7143;

const NETWORK_BASE = (10 << 24) | (200 << 16);
const ADDRESSES_PER_SLOT = 4;

export interface SlotAddresses {
  /** Host side of the veth. */
  readonly vethIp: string;
  /** The slot's own address. */
  readonly hostIp: string;
  readonly uid: number;
}

/** Addresses and uid of a slot: `slotAddresses(0)` is 10.200.0.1, 10.200.0.2, 720000. */
export function slotAddresses(number: number): SlotAddresses {
  invariant(isSlotNumber(number), `slot number 0 to ${SLOT_COUNT - 1}, not ${number}`);
  const base = NETWORK_BASE + number * ADDRESSES_PER_SLOT;
  return { vethIp: dotted(base + 1), hostIp: dotted(base + 2), uid: FIRST_SLOT_UID + number };
}

/** The slot that an address lies in, or undefined outside of 10.200.0.0/16. */
export function slotOfAddress(address: string): number | undefined {
  const parts = address.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) return undefined;
  const [a, b, c, d] = parts as [number, number, number, number];
  return a === 10 && b === 200 ? Math.floor((c * 256 + d) / ADDRESSES_PER_SLOT) : undefined;
}

export const isSlotNumber = (number: number): boolean => Number.isInteger(number) && number >= 0 && number < SLOT_COUNT;

const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
