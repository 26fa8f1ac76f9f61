import type { WorkspaceNetworkInfo } from "@pandastack/sdk";
import { Argument, type Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { UsageError } from "../failure.ts";
import { networkPolicy, type PolicyOptions, withPolicyOptions } from "../network-options.ts";
import { formatFields, printJson, printLine } from "../output.ts";

interface Options extends CommonOptions, PolicyOptions {
  none?: boolean;
}

export function workspaceNetworkCommand(): Command {
  const command = newCommand({
    name: "network",
    summary: "show or set what a workspace's sandboxes may reach by default, and at most",
    example: "pandastack workspace network research ceiling --allow '*.example.com'",
    more: "Counts for policies that are set from now on; sandboxes that exist keep theirs.",
  });
  return withPolicyOptions(command)
    .argument("<slug>", "the workspace")
    .addArgument(
      new Argument(
        "[which]",
        "default: of sandboxes whose creator says nothing; ceiling: the most that any can be given",
      ).choices(["default", "ceiling"]),
    )
    .option("--none", "take it away")
    .action(async (slug: string, which: keyof WorkspaceNetworkInfo | undefined, options: Options) => {
      const { workspaces } = clientFor(options);
      const policy = options.none ? null : networkPolicy(options);
      if (which === undefined && policy !== undefined) throw new UsageError("say which: default or ceiling");
      if (which !== undefined && policy === undefined)
        throw new UsageError(`say what the ${which} is: --egress, --allow, --deny, --allow-private or --none`);
      const info =
        which === undefined || policy === undefined
          ? await workspaces.network(slug)
          : await workspaces.setNetwork(slug, { [which]: policy });
      if (options.json) printJson(info);
      else printLine(formatFields({ default: shown(info.default), ceiling: shown(info.ceiling) }));
    });
}

const shown = (policy: WorkspaceNetworkInfo["default"]): unknown => policy?.egress ?? "none";
