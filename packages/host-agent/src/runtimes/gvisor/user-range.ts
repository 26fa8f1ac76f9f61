/**
 * Users that a sandbox's own users are on the host. Its root is the slot's user, as which the sentry runs; the others come from a
 * range that no other slot has, far above what hosts and containers hand out.
 */
export interface UserMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

const FIRST_RANGE = 0x4000_0000;
export const USERS_PER_SLOT = 65_536;

export const hostUserOf = (slot: { number: number; uid: number }, user: number): number =>
  user === 0 ? slot.uid : FIRST_RANGE + slot.number * USERS_PER_SLOT + user;

export const userMappings = (slot: { number: number; uid: number }): UserMapping[] => [
  { containerID: 0, hostID: slot.uid, size: 1 },
  { containerID: 1, hostID: hostUserOf(slot, 1), size: USERS_PER_SLOT - 1 },
];

/** As the kernel reads it, in `/proc/PID/uid_map`. */
export const mappingText = (users: readonly UserMapping[]): string =>
  users.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
