import { existsSync, readdirSync } from "node:fs";
import { waitFor } from "@pandastack/platform";
import { CommandFailed, run } from "../../processes/run.ts";
import { toolShells } from "../../processes/tool-shells.ts";
import { guestNetnsName, slotName, slotNumberOfName, TAP, UPLINK } from "../names.ts";
import { insideCommands, MAKE_SCRIPT, outsideCommands } from "./commands.ts";
import { rulesShell } from "./rules-shell.ts";
import { shapingCommand } from "./shaping.ts";
import { slotRules } from "./rules.ts";

/** Where `ip netns` keeps its names. */
export const NETNS_DIR = "/run/netns";
const TOOL_TIMEOUT_MS = 20_000;
/** A netns dies in the background; its veth goes with it. */
const REMOVAL_TIMEOUT_MS = 3_000;

/** Makes netns, veth pair, tap and rules of a slot, `policy` (nft text) in its place. On failure nothing of it is left. */
export async function makeSlot(serverId: string, number: number, policy: string): Promise<void> {
  try {
    await toolShells.run("slot", MAKE_SCRIPT, makeArguments(serverId, number, policy), { timeoutMs: TOOL_TIMEOUT_MS });
  } catch (error) {
    await removeSlots(serverId, [number]);
    throw error;
  }
}

function makeArguments(serverId: string, number: number, policy: string): string[] {
  const outside = outsideCommands(serverId, number, { hasIpv6: existsSync("/proc/sys/net/ipv6") });
  return [outside, `${NETNS_DIR}/${slotName(serverId, number)}`, insideCommands(number), slotRules(number) + policy];
}

/** Removes slots whatever state they are in. Resolves when their links are gone, so that the numbers may be used again. */
export async function removeSlots(serverId: string, numbers: readonly number[]): Promise<void> {
  const names = numbers.map((number) => slotName(serverId, number));
  const namespaces = names
    .flatMap((name) => [name, guestNetnsName(name)])
    .filter((name) => existsSync(`${NETNS_DIR}/${name}`));
  if (namespaces.length > 0) await ipAll(namespaces.map((name) => `netns del ${name}`));
  try {
    // Waiting is cheaper than `link del`, which holds the kernel's network lock for tens of milliseconds each.
    await waitFor(() => !names.some(hasLink), {
      timeoutMs: REMOVAL_TIMEOUT_MS,
      message: "links of removed slots stay",
    });
  } catch {
    // A process that is still inside keeps its netns alive; cut it off.
    await ipAll(names.filter(hasLink).map((name) => `link del ${name}`));
  }
}

/** Why a slot from an earlier life can't be used, or undefined when all its parts are there. */
export async function slotDefect(serverId: string, number: number): Promise<string | undefined> {
  const name = slotName(serverId, number);
  if (!existsSync(`${NETNS_DIR}/${name}`)) return "its netns is gone";
  if (!hasLink(name)) return "its veth is gone";
  try {
    const { stdout: links } = await ip(["-n", name, "-br", "link"]);
    for (const link of [TAP, UPLINK]) if (!new RegExp(`^${link}\\b`, "m").test(links)) return `${link} is gone`;
    const { stdout: tables } = await runInside(name, "nft", ["list", "tables"]);
    for (const table of ["table netdev guard", "table ip slot"])
      if (!tables.includes(table)) return `its ${table} is gone`;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Puts nft text in force in a slot, whole or not at all; with `egressMbps` (null: no limit) what leaves it is slowed down first. */
export async function changeSlot(
  serverId: string,
  number: number,
  change: { rules: string; egressMbps?: number | null | undefined },
): Promise<void> {
  const name = slotName(serverId, number);
  if (change.egressMbps === undefined) return rulesShell.apply(`${NETNS_DIR}/${name}`, change.rules);
  const script = `${shapingCommand(change.egressMbps)}\nexec nft -f -`;
  await runInside(name, "sh", ["-ec", script], change.rules);
}

/** The text of a slot's judgement, in which `policy/rules.ts` has written which policy it is. */
export async function slotPolicyText(serverId: string, number: number): Promise<string> {
  return (await runInside(slotName(serverId, number), "nft", ["list", "chain", "ip", "slot", "egress"])).stdout;
}

/** What `nft -j` says to commands that look, one document each. */
export async function lookInSlot(serverId: string, number: number, command: string): Promise<unknown[]> {
  const { stdout } = await runInside(slotName(serverId, number), "nft", ["-j", command]);
  return stdout
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line): unknown => JSON.parse(line));
}

/** Pids of processes inside the slot's netns. */
export async function processesInSlot(serverId: string, number: number): Promise<number[]> {
  const name = slotName(serverId, number);
  if (!existsSync(`${NETNS_DIR}/${name}`)) return [];
  const { stdout } = await ip(["netns", "pids", name]);
  return stdout.split("\n").filter(Boolean).map(Number);
}

/** Numbers of this server's slots that the kernel knows, by netns or by link. */
export async function slotsInKernel(serverId: string): Promise<number[]> {
  const names = existsSync(NETNS_DIR) ? readdirSync(NETNS_DIR) : [];
  names.push(...(existsSync("/proc/sys/net/ipv4/conf") ? readdirSync("/proc/sys/net/ipv4/conf") : []));
  const numbers = names.map((name) => slotNumberOfName(serverId, name)).filter((number) => number !== undefined);
  return [...new Set(numbers)].toSorted((a, b) => a - b);
}

/** Through /proc, which shows the netns of the one who asks; /sys shows the one it was mounted in. */
const hasLink = (name: string): boolean => existsSync(`/proc/sys/net/ipv4/conf/${name}`);

const ip = (argv: readonly string[]): ReturnType<typeof run> => run("ip", argv, { timeoutMs: TOOL_TIMEOUT_MS });

const runInside = (netns: string, file: string, argv: readonly string[], input?: string): ReturnType<typeof run> =>
  run("nsenter", [`--net=${NETNS_DIR}/${netns}`, file, ...argv], {
    timeoutMs: TOOL_TIMEOUT_MS,
    ...(input === undefined ? {} : { input }),
  });

const IP_ALL = `ip -force -batch - <<END
$1
END`;

/** Every line is tried. Which of them failed does not matter: the caller looks at what is left. */
async function ipAll(commands: readonly string[]): Promise<void> {
  try {
    await toolShells.run("ip", IP_ALL, [commands.join("\n")], { timeoutMs: TOOL_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof CommandFailed) || error.exitCode === null) throw error;
  }
}
