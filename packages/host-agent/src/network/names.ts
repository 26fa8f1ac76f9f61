import { invariant } from "@pandastack/platform";
import { GATEWAY_IP, GUEST_IP, GUEST_MAC, isSlotNumber, slotAddresses } from "./addresses.ts";
import type { NetworkSlot } from "./slot.ts";

/**
 * Names of what a server makes in the kernel. Interface names end at 15 characters: `ps` + id (≤ 9) + `-` + slot in base 36
 * (≤ 3). The dash keeps one server's prefix from being the beginning of another's, so that rules may match by prefix.
 */
const SERVER_ID = /^[a-z0-9]{1,9}$/;

/** The tap's name, the same inside every slot, and the slot's end of the veth pair. */
export const TAP = "tap0";
export const UPLINK = "up0";
/** In a slot that has a second netns for its guest: the guest's link there. */
export const GUEST_LINK = "eth0";

export function assertServerId(serverId: string): void {
  invariant(SERVER_ID.test(serverId), `a server id of 1 to 9 characters of a-z0-9, not ${JSON.stringify(serverId)}`);
}

/** What all netns and host-side links of a server begin with. */
export function slotPrefix(serverId: string): string {
  assertServerId(serverId);
  return `ps${serverId}-`;
}

/** Name of the slot's netns and of the host side of its veth pair. */
export const slotName = (serverId: string, number: number): string => `${slotPrefix(serverId)}${number.toString(36)}`;

const GUEST_SUFFIX = ".g";

/** The netns in which the guest's own network stack sits, where it does not sit behind a tap. */
export const guestNetnsName = (slotNetns: string): string => `${slotNetns}${GUEST_SUFFIX}`;

/** The slot number in a name that `slotName` or `guestNetnsName` made for this server, or undefined. */
export function slotNumberOfName(serverId: string, name: string): number | undefined {
  const prefix = slotPrefix(serverId);
  if (!name.startsWith(prefix)) return undefined;
  const own = name.endsWith(GUEST_SUFFIX) ? name.slice(0, -GUEST_SUFFIX.length) : name;
  const number = Number.parseInt(own.slice(prefix.length), 36);
  return isSlotNumber(number) && slotName(serverId, number) === own ? number : undefined;
}

/** The server's nft table on the host, of family inet. */
export function tableName(serverId: string): string {
  assertServerId(serverId);
  return `pandastack_${serverId}`;
}

/** The slot as the rest of the host agent sees it. */
export function describeSlot(serverId: string, number: number): NetworkSlot {
  const { hostIp, uid } = slotAddresses(number);
  return {
    number,
    netns: slotName(serverId, number),
    tap: TAP,
    mac: GUEST_MAC,
    hostIp,
    guestIp: GUEST_IP,
    gatewayIp: GATEWAY_IP,
    uid,
  };
}
