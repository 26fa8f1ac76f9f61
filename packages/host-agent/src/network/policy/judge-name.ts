import { matchesDomain, type DomainPattern } from "@pandastack/contracts/host";
import type { SlotPolicy } from "./rules.ts";

/**
 * `forward`: names do not matter, the answer is passed on as it is. `read`: its addresses are let through for as long as the
 * answer lives. `refuse`: not a name of this sandbox's. Lists without names resolve nothing: a question is a message, too.
 */
export type NameVerdict = "forward" | "read" | "refuse";

/** `name` as `normaliseName` gives it; undefined for one that no machine can have. */
export function judgeName(policy: SlotPolicy, name: string | undefined): NameVerdict {
  if (policy.isOff) return "refuse";
  if (!policy.readsNames) return policy.allow === null ? "forward" : "refuse";
  if (name === undefined || isIn(policy.deny.domains, name)) return "refuse";
  return policy.allow === null || isIn(policy.allow.domains, name) ? "read" : "refuse";
}

export const isDeniedName = (policy: SlotPolicy, name: string): boolean => isIn(policy.deny.domains, name);

const isIn = (patterns: readonly DomainPattern[], name: string): boolean =>
  patterns.some((pattern) => matchesDomain(pattern, name));
