/** The address inside is the same in every slot: a restored guest needs no network change. */
export const GUEST_IP_CIDR = "169.254.100.2/30";
export const GUEST_GATEWAY = "169.254.100.1";
