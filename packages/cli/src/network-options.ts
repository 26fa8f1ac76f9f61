import type { NetworkPolicy } from "@pandastack/sdk";
import { type Command, InvalidArgumentError, Option } from "commander";
import { UsageError } from "./failure.ts";

export interface NetworkOptions {
  egress?: "open" | "off";
  allow?: string[];
  deny?: string[];
  egressMbps?: number;
}

const collect = (text: string, previous: string[] = []): string[] => [...previous, text];

/** The options of every command that says what a sandbox may reach. */
export function withNetworkOptions(command: Command): Command {
  return command
    .addOption(new Option("--egress <mode>", "open (default), or off: nothing leaves it").choices(["open", "off"]))
    .option("--allow <destination>", "reach this alone: example.com, *.example.com, 192.0.2.0/24; repeatable", collect)
    .option("--deny <destination>", "do not reach this; repeatable", collect)
    .option("--egress-mbps <number>", "megabits a second that may leave it; 0: no limit", megabits);
}

/** The policy that the options say; undefined when they say none. `off` goes with no list. */
export function networkPolicy({ egress, allow, deny }: NetworkOptions): NetworkPolicy | undefined {
  if (allow === undefined && deny === undefined) return egress === undefined ? undefined : { egress };
  if (egress === "off") throw new UsageError("--egress off does not go together with --allow or --deny.");
  return { egress: { ...(allow && { allow }), ...(deny && { deny }) } };
}

function megabits(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError("a number is needed.");
  return value;
}
