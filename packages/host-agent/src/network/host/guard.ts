import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Cidr } from "@pandastack/contracts/host";
import { type Logger } from "@pandastack/platform";
import { tableName } from "../names.ts";
import { chainsThatDrop, ownAccepts, readRuleSet, type RuleSet } from "./foreign-forward.ts";
import { applyHostRules } from "./host.ts";

/** Firewalls are reloaded in several steps: look when they are done. */
const SETTLE_MS = 200;
const RESTART_MS = 1_000;

export interface HostRulesGuard {
  /** Resolves when it can't touch the rules any more. */
  close(): Promise<void>;
}

/**
 * Sees to it that the host's rules stay while slots are open. Whoever reloads the host's firewall (`flush ruleset` in
 * /etc/nftables.conf, a start of Docker, `firewall-cmd --reload`) takes our table or our accepts with it, and without them a
 * sandbox could talk to the host. `nft monitor` tells of every change; nothing is polled.
 */
export async function guardHostRules(options: {
  serverId: string;
  log: Pick<Logger, "warn" | "error">;
  opened: readonly Cidr[];
}): Promise<HostRulesGuard> {
  const { serverId, log, opened } = options;
  // Read once, right after they were set: read again later, it could be what somebody has just changed.
  const expected = ownRules(serverId, await readRuleSet());
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let work: Promise<void> = Promise.resolve();
  let monitor = startMonitor();

  function startMonitor(): ChildProcess {
    // It ends with this process, however that ends.
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "nft", "monitor"], {
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    child.stdout.on("data", () => checkIn(SETTLE_MS));
    // What happened before it listened.
    checkIn(RESTART_MS);
    child.once("error", (error) => log.error({ err: error }, "the host's rules are not watched"));
    child.once("exit", () => {
      if (!isClosed) setTimeout(() => isClosed || (monitor = startMonitor()), RESTART_MS).unref();
    });
    return child;
  }

  function checkIn(ms: number): void {
    if (isClosed) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      work = work.then(check);
    }, ms).unref();
  }

  async function check(): Promise<void> {
    try {
      const ruleSet = await readRuleSet();
      if (isClosed || (ownRules(serverId, ruleSet) === expected && hasAllAccepts(serverId, ruleSet))) return;
      log.warn({ table: tableName(serverId) }, "the host's firewall was changed; PandaStack's rules are put back");
      await applyHostRules(serverId, log, opened);
    } catch (error) {
      log.error({ err: error }, "the host's rules could not be checked");
      checkIn(RESTART_MS);
    }
  }

  return {
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      const exited =
        monitor.exitCode === null && monitor.signalCode === null && monitor.pid ? once(monitor, "exit") : undefined;
      monitor.kill("SIGKILL");
      await exited;
      await work;
    },
  };
}

/** What our table says, in a form that is the same as long as nobody changes it. */
const ownRules = (serverId: string, { rules }: RuleSet): string =>
  JSON.stringify(
    rules.filter((rule) => rule.table === tableName(serverId)).map(({ chain, expr }) => ({ chain, expr })),
  );

const hasAllAccepts = (serverId: string, ruleSet: RuleSet): boolean =>
  chainsThatDrop(ruleSet).every(
    ({ family, table, name }) =>
      ownAccepts(serverId, ruleSet).filter(
        (rule) => rule.family === family && rule.table === table && rule.chain === name,
      ).length === 2,
  );
