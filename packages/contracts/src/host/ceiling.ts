import { contains, formatCidr } from "./cidr.ts";
import { coversDomain, formatDomain } from "./domain.ts";
import { MAX_DESTINATIONS, normaliseEgress, readEgress, type Destinations, type Egress } from "./network.ts";

export type Limited = { readonly egress: Egress } | { readonly field: string; readonly message: string };

/**
 * A policy below a ceiling: what the ceiling denies is denied as well, and an `allow` or `allowPrivate` that reaches beyond it
 * is named (`field` begins at the policy: `allow.2`; empty for the policy itself).
 */
export function limitEgress(egress: Egress, ceiling: Egress): Limited {
  const asked = readEgress(egress);
  const most = readEgress(ceiling);
  if (asked.isOff) return { egress: "off" };
  if (most.isOff) return { field: "", message: 'the workspace\'s ceiling is "off"' };
  const rules = typeof egress === "string" ? {} : egress;
  const privateBeyond = (rules.allowPrivate ?? []).findIndex(
    (text) =>
      !readEgress({ allowPrivate: [text] }).allowPrivate.every((cidr) =>
        most.allowPrivate.some((outer) => contains(outer, cidr)),
      ),
  );
  if (privateBeyond !== -1)
    return {
      field: `allowPrivate.${privateBeyond}`,
      message: `${JSON.stringify(rules.allowPrivate![privateBeyond])} is not opened here`,
    };
  if (most.allow !== null) {
    if (rules.allow === undefined)
      return { field: "", message: "the workspace's ceiling is a list: name in `allow` what is to be reached" };
    const beyond = rules.allow.findIndex((text) => !isCovered(readEgress({ allow: [text] }).allow!, most.allow!));
    if (beyond !== -1)
      return {
        field: `allow.${beyond}`,
        message: `${JSON.stringify(rules.allow[beyond])} is beyond the workspace's ceiling`,
      };
  }
  const denied = [...most.deny.cidrs.map(formatCidr), ...most.deny.domains.map(formatDomain)];
  const result = normaliseEgress(denied.length === 0 ? egress : { ...rules, deny: [...(rules.deny ?? []), ...denied] });
  // Hosts refuse longer lists, and would not say whose entries they are.
  if (typeof result === "object" && (result.deny?.length ?? 0) > MAX_DESTINATIONS)
    return { field: "deny", message: `with the ceiling's own, there are more than ${MAX_DESTINATIONS} entries` };
  return { egress: result };
}

const isCovered = (inner: Destinations, outer: Destinations): boolean =>
  inner.cidrs.every((cidr) => outer.cidrs.some((one) => contains(one, cidr))) &&
  inner.domains.every((domain) => outer.domains.some((one) => coversDomain(one, domain)));
