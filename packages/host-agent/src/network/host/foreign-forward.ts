import { existsSync, readFileSync } from "node:fs";
import { run } from "../../processes/run.ts";
import { slotPrefix, tableName } from "../names.ts";

/** A rule as `nft -j` prints it, as far as it matters here. */
interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly expr: readonly Record<string, unknown>[];
}

interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

export interface RuleSet {
  readonly chains: readonly NftChain[];
  readonly rules: readonly NftRule[];
}

/** Families whose forward hook sees a slot's packets. */
const FAMILIES = new Set(["ip", "inet"]);
const OWN_TABLES = /^pandastack_/;
/** Docker leaves this chain to others, looks into it first and keeps it over its own restarts. */
const DOCKER_USER = "DOCKER-USER";

/**
 * Where an accept for the slots must be put so that their packets get through: an accept in our table does not override
 * another table's drop. One chain for each table whose forward chain drops or rejects what it does not know.
 */
export function chainsThatDrop(ruleSet: RuleSet): NftChain[] {
  const dropping = ruleSet.chains.filter(
    (chain) =>
      FAMILIES.has(chain.family) &&
      !OWN_TABLES.test(chain.table) &&
      chain.hook === "forward" &&
      (chain.policy === "drop" || endsInRefusal(rulesOf(ruleSet, chain))),
  );
  return dropping.map(
    (chain) =>
      ruleSet.chains.find(
        (other) => other.family === chain.family && other.table === chain.table && other.name === DOCKER_USER,
      ) ?? chain,
  );
}

/**
 * The rules to add, as nft text. Interface names only: `iptables` refuses to work on a table with expressions that it does not
 * know, and these it knows. What may pass is still our own table's decision.
 */
export function acceptRules(serverId: string, chains: readonly NftChain[]): string {
  const comment = `comment "${tableName(serverId)}"`;
  const slots = `"${slotPrefix(serverId)}*"`;
  return chains
    .flatMap(({ family, table, name }) =>
      ["iifname", "oifname"].map(
        (side) => `insert rule ${family} ${table} ${name} ${side} ${slots} accept ${comment}\n`,
      ),
    )
    .join("");
}

/** Our accepts in other tables, as nft text that removes them. */
export function removalsOf(serverId: string, ruleSet: RuleSet): string {
  return ownAccepts(serverId, ruleSet)
    .map(({ family, table, chain, handle }) => `delete rule ${family} ${table} ${chain} handle ${handle}\n`)
    .join("");
}

/** Known by the interfaces that they name: a rule that iptables has saved and restored has lost its comment. */
export function ownAccepts(serverId: string, ruleSet: RuleSet): NftRule[] {
  const slots = JSON.stringify(`${slotPrefix(serverId)}*`);
  return ruleSet.rules.filter((rule) => !OWN_TABLES.test(rule.table) && JSON.stringify(rule.expr).includes(slots));
}

export async function readRuleSet(): Promise<RuleSet> {
  const { stdout } = await run("nft", ["-j", "-a", "list", "ruleset"], {
    timeoutMs: 20_000,
    maxOutputBytes: 64 << 20,
  });
  const items = (JSON.parse(stdout) as { nftables: { chain?: NftChain; rule?: NftRule }[] }).nftables;
  return {
    chains: items.map((item) => item.chain).filter((item) => item !== undefined),
    rules: items.map((item) => item.rule).filter((item) => item !== undefined),
  };
}

/** True when the old iptables, which nft does not see, filters on this host. */
export function hasLegacyFilter(): boolean {
  const names = "/proc/net/ip_tables_names";
  return existsSync(names) && readFileSync(names, "utf8").split("\n").includes("filter");
}

const rulesOf = (ruleSet: RuleSet, chain: NftChain): NftRule[] =>
  ruleSet.rules.filter(
    (rule) => rule.family === chain.family && rule.table === chain.table && rule.chain === chain.name,
  );

/** Whether the last rule refuses everything (firewalld): nothing in it but counting, logging and the refusal. */
function endsInRefusal(rules: readonly NftRule[]): boolean {
  const expressions = rules.at(-1)?.expr.flatMap((expression) => Object.keys(expression)) ?? [];
  return (
    expressions.some((name) => name === "drop" || name === "reject") &&
    expressions.every((name) => ["counter", "log", "drop", "reject"].includes(name))
  );
}
