import { existsSync } from "node:fs";
import type { Cidr } from "@pandastack/contracts/host";
import { Fault, type Logger } from "@pandastack/platform";
import { CommandFailed, run } from "../../processes/run.ts";
import { SLOT_NETWORK, slotOfAddress } from "../addresses.ts";
import { tableName } from "../names.ts";
import { acceptRules, chainsThatDrop, hasLegacyFilter, readRuleSet, removalsOf } from "./foreign-forward.ts";
import { acceptInLegacy, removeFromLegacy } from "./legacy-iptables.ts";
import { hostRules } from "./rules.ts";

const TOOL_TIMEOUT_MS = 20_000;

/** Puts the server's table and its accepts in other tables in place, replacing what an earlier life left of them. */
export async function applyHostRules(
  serverId: string,
  log: Pick<Logger, "warn">,
  opened: readonly Cidr[],
): Promise<void> {
  const ruleSet = await readRuleSet();
  const foreign = removalsOf(serverId, ruleSet) + acceptRules(serverId, chainsThatDrop(ruleSet));
  await nft(hostRules(serverId, opened) + foreign);
  if (hasLegacyFilter()) await acceptInLegacy(serverId, log);
}

/** Repeatable. */
export async function removeHostRules(serverId: string): Promise<void> {
  const foreign = removalsOf(serverId, await readRuleSet());
  const table = `inet ${tableName(serverId)}`;
  await nft(`${foreign}table ${table}\ndelete table ${table}\n`);
  // Where its tool is missing we have put nothing there.
  if (hasLegacyFilter()) await removeFromLegacy(serverId).catch(() => undefined);
}

interface Route {
  readonly dst?: string;
  readonly dev?: string;
}

/** `ip` writes `if` and its number for a link that went between the two looks that it takes: its route went with it. */
const NAMELESS = /^if\d+$/;

/** A route into the slots' network that is no slot's. */
export function takenBy(routes: readonly Route[], isThere: (dev: string) => boolean): Route | undefined {
  const isOurs = (dev: string): boolean => /^ps[a-z0-9]+-/.test(dev) || (NAMELESS.test(dev) && !isThere(dev));
  return routes.find(({ dst = "", dev = "" }) => slotOfAddress(dst.split("/")[0] ?? "") !== undefined && !isOurs(dev));
}

/** Refuses a host that has a network of its own where the slots' is. A wider route (10.0.0.0/8) only loses these addresses. */
export async function assertNetworkIsFree(): Promise<void> {
  const { stdout } = await run("ip", ["-j", "-4", "route", "show", "table", "all", "root", SLOT_NETWORK]);
  const taken = takenBy(JSON.parse(stdout || "[]") as Route[], (dev) => existsSync(`/sys/class/net/${dev}`));
  if (taken) {
    throw new Fault(
      "host.unavailable",
      `the host routes ${taken.dst} to ${taken.dev}; PandaStack needs ${SLOT_NETWORK} for sandboxes`,
    );
  }
}

async function nft(text: string): Promise<void> {
  try {
    await run("nft", ["-f", "-"], { input: text, timeoutMs: TOOL_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new Fault("host.unavailable", "the host's firewall rules could not be set", {
      operatorMessage: `${error.message} (needs nft ≥ 1.0 and a kernel with nf_tables, nft_fib, nft_nat)`,
      cause: error,
    });
  }
}
