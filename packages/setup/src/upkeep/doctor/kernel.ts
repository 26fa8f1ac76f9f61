import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CONTROLLERS, findHierarchies } from "../../../../host-agent/src/cgroups/hierarchies.ts";
import {
  chainsThatDrop,
  hasLegacyFilter,
  readRuleSet,
} from "../../../../host-agent/src/network/host/foreign-forward.ts";
import { type Finding, note, ok, problem, unknown } from "./finding.ts";

export function examineCgroups(
  mountinfo: string = readFileSync("/proc/self/mountinfo", "utf8"),
  readControllers: (mount: string) => string[] = controllersOf,
): Finding {
  const hierarchies = findHierarchies(mountinfo, readControllers);
  const has = CONTROLLERS.filter((name) => hierarchies.some(({ controllers }) => controllers.includes(name)));
  const missing = CONTROLLERS.filter((name) => !has.includes(name));
  const versions = [...new Set(hierarchies.map(({ version }) => version))].toSorted().join(" and ") || "none";
  const says = `version ${versions}, with ${has.join(", ") || "no controller"}`;
  if (missing.length > 0)
    return problem(
      "cgroups",
      `${says}; missing: ${missing.join(", ")}`,
      "Sandboxes start without these limits. Boot with systemd.unified_cgroup_hierarchy=1; for memory also cgroup_enable=memory.",
    );
  return hierarchies.every(({ version }) => version === 2)
    ? ok("cgroups", says)
    : note(
        "cgroups",
        says,
        "Version 1 cannot limit buffered writes. Boot with systemd.unified_cgroup_hierarchy=1 for version 2.",
      );
}

function controllersOf(mount: string): string[] {
  try {
    return readFileSync(join(mount, "cgroup.controllers"), "utf8").trim().split(" ");
  } catch {
    return [];
  }
}

export interface NetworkFacts {
  readonly forwards: boolean;
  /** `ip filter FORWARD`, … where packets of strangers are dropped. */
  readonly dropping: readonly string[];
  readonly hasLegacyFilter: boolean;
}

/** Undefined where nft cannot be asked. */
export async function lookAtNetwork(): Promise<NetworkFacts | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const ruleSet = await readRuleSet().catch(() => undefined);
  if (ruleSet === undefined) return undefined;
  return {
    forwards: readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8").trim() === "1",
    dropping: chainsThatDrop(ruleSet).map(({ family, table, name }) => `${family} ${table} ${name}`),
    hasLegacyFilter: hasLegacyFilter(),
  };
}

export function examineNetwork(facts: NetworkFacts | undefined, isRoot = process.getuid?.() === 0): Finding {
  if (facts === undefined)
    return isRoot
      ? problem("network", "nft does not answer", "apt-get install nftables; the kernel needs nf_tables.")
      : unknown("network", "rules and forwarding were not looked at", "Run as root.");
  const forwarding = facts.forwards ? "ip_forward is on" : "ip_forward is off, a server switches it on while it runs";
  if (facts.dropping.length > 0)
    return ok(
      "network",
      `${forwarding}; a server lets its slots through what others drop (${facts.dropping.join(", ")})`,
    );
  if (facts.hasLegacyFilter)
    return note(
      "network",
      `${forwarding}; the old iptables filters here, too`,
      "nft does not see its rules. Where its FORWARD chain drops, sandboxes have no network: switch to iptables-nft.",
    );
  return ok("network", `${forwarding}; nothing drops what passes`);
}
