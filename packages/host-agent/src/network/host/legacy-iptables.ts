import { type Logger } from "@pandastack/platform";
import { run } from "../../processes/run.ts";
import { slotPrefix, tableName } from "../names.ts";

const IPTABLES = "iptables-legacy";

/**
 * The old iptables keeps rules where nft can't see them: the same two accepts, with its own tool. Where that is missing the
 * operator is told: its filter may be empty, and then nothing is wrong.
 */
export async function acceptInLegacy(serverId: string, log: Pick<Logger, "warn">): Promise<void> {
  try {
    await removeFromLegacy(serverId);
    const rules = (await listForward()).join("\n");
    if (!/^-P FORWARD DROP$/m.test(rules) && !/^-A FORWARD -j (DROP|REJECT)\b/m.test(rules)) return;
    for (const side of ["-i", "-o"]) await iptables(["-I", "FORWARD", ...accept(serverId, side)]);
  } catch (error) {
    const advice = `if sandboxes have no internet, install ${IPTABLES} or accept forwarding for interfaces named ${slotPrefix(serverId)}+`;
    log.warn({ err: error }, `this host filters with legacy iptables, which could not be looked into; ${advice}`);
  }
}

/** Repeatable. */
export async function removeFromLegacy(serverId: string): Promise<void> {
  for (const line of await listForward()) {
    if (!line.split(/[\s"]+/).includes(tableName(serverId))) continue;
    await iptables(["-D", "FORWARD", ...accept(serverId, line.includes(" -i ") ? "-i" : "-o")]);
  }
}

const accept = (serverId: string, side: string): string[] => [
  side,
  `${slotPrefix(serverId)}+`,
  "-m",
  "comment",
  "--comment",
  tableName(serverId),
  "-j",
  "ACCEPT",
];

const listForward = async (): Promise<string[]> => (await iptables(["-S", "FORWARD"])).stdout.split("\n");

const iptables = (argv: readonly string[]): ReturnType<typeof run> =>
  run(IPTABLES, ["-w", "5", ...argv], { timeoutMs: 20_000 });
