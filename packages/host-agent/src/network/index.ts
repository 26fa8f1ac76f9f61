export { DEFAULT_PREPARE_COUNT, openNetwork, type OpenNetworkOptions } from "./open.ts";
export type { NetworkSlot } from "./slot.ts";
export type { Adoption, Network, SlotInUse } from "./network.ts";
export { readNetworks } from "./policy/rules.ts";
export { removeServer as destroyAll, verifyClean, type ServerPlace } from "./cleanup.ts";
export {
  FIRST_SLOT_UID,
  GATEWAY_IP,
  GATEWAY_MAC,
  GUEST_IP,
  GUEST_MAC,
  GUEST_PREFIX_LENGTH,
  SLOT_COUNT,
  SLOT_NETWORK,
  slotAddresses,
} from "./addresses.ts";
export { TAP } from "./names.ts";
export { readyGuestNetns } from "./slots/guest-netns.ts";
