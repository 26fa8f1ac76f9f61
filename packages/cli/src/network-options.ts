import type { NetworkPolicy } from "@pandastack/sdk";
import { type Command, InvalidArgumentError, Option } from "commander";
import { several } from "./command.ts";
import { UsageError } from "./failure.ts";

export interface PolicyOptions {
  egress?: "open" | "off";
  allow?: string[];
  deny?: string[];
  allowPrivate?: string[];
}

export interface NetworkOptions extends PolicyOptions {
  egressMbps?: number;
}

/** The options of every command that says what may be reached. */
export function withPolicyOptions(command: Command): Command {
  return command
    .addOption(new Option("--egress <mode>", "open (default), or off: nothing leaves it").choices(["open", "off"]))
    .option("--allow <destination>", "reach this alone: example.com, *.example.com, 192.0.2.0/24; repeatable", several)
    .option("--deny <destination>", "do not reach this; repeatable", several)
    .option("--allow-private <network>", "open this private network, where the operator lets it; repeatable", several);
}

/** Those of a sandbox: also how fast. */
export function withNetworkOptions(command: Command): Command {
  return withPolicyOptions(command).option(
    "--egress-mbps <number>",
    "megabits a second that may leave it; 0: no limit",
    megabits,
  );
}

/** The policy that the options say; undefined when they say none. `off` goes with no list. */
export function networkPolicy({ egress, allow, deny, allowPrivate }: PolicyOptions): NetworkPolicy | undefined {
  if (allow === undefined && deny === undefined && allowPrivate === undefined)
    return egress === undefined ? undefined : { egress };
  if (egress === "off")
    throw new UsageError("--egress off does not go together with --allow, --deny or --allow-private.");
  return { egress: { ...(allow && { allow }), ...(deny && { deny }), ...(allowPrivate && { allowPrivate }) } };
}

/** What was asked for a limit: null takes it away, undefined says nothing of it. */
export function egressLimit({ egressMbps }: NetworkOptions): number | null | undefined {
  return egressMbps === 0 ? null : egressMbps;
}

function megabits(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError("a number is needed.");
  return value;
}
