import type { WorkspaceLimits, WorkspaceLimitsChange, WorkspaceLimitsInfo } from "@pandastack/sdk";
import { type Command, InvalidArgumentError } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { UsageError } from "../failure.ts";
import { formatTable, printJson, printLine } from "../output.ts";

/** `default` goes back to what the server says for all. */
type Given = number | "default";

interface Options extends CommonOptions {
  sandboxes?: Given;
  running?: Given;
  snapshots?: Given;
  templates?: Given;
  templateBuilds?: Given;
  streams?: Given;
  processes?: Given;
  bodyBytes?: Given;
  outputBytes?: Given;
}

export function workspaceLimitsCommand(): Command {
  return newCommand({
    name: "limits",
    summary: "show what a workspace may have and what it has, or change it",
    example: "pandastack workspace limits research --running 20 --snapshots default",
    more: "Without a slug the own workspace's. Numbers, or `default`. What a workspace has beyond a limit stays.",
  })
    .argument("[slug]", "the workspace")
    .option("--sandboxes <number>", "sandboxes in any state", limit)
    .option("--running <number>", "sandboxes that run or are paused", limit)
    .option("--snapshots <number>", "snapshots", limit)
    .option("--templates <number>", "templates of its own", limit)
    .option("--template-builds <number>", "builds of templates at a time", limit)
    .option("--streams <number>", "streams and sockets at a time", limit)
    .option("--processes <number>", "commands and terminals that are waited for at a time", limit)
    .option("--body-bytes <number>", "largest JSON body", limit)
    .option("--output-bytes <number>", "what a command's answer keeps of each stream", limit)
    .action(async (slug: string | undefined, options: Options) => {
      const { workspaces } = clientFor(options);
      const change = changeIn(options);
      const isChange = Object.values(change).some((value) => value !== undefined);
      if (isChange && slug === undefined) throw new UsageError("which workspace's limits? Say its slug.");
      const info =
        isChange && slug !== undefined ? await workspaces.setLimits(slug, change) : await workspaces.limits(slug);
      if (options.json) printJson(info);
      else printLine(toTable(info));
    });
}

function changeIn({ running, templateBuilds, bodyBytes, outputBytes, ...rest }: Options): WorkspaceLimitsChange {
  const { sandboxes, snapshots, templates, streams, processes } = rest;
  const counted = { sandboxes, running_sandboxes: running, snapshots, templates, template_builds: templateBuilds };
  const given = { ...counted, streams, processes };
  const all = { ...given, body_bytes: bodyBytes, output_bytes: outputBytes };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value === "default" ? null : value]));
}

function toTable({ limits, defaults, usage }: WorkspaceLimitsInfo): string {
  const used: Partial<Record<string, number>> = usage;
  const rows = (Object.keys(limits) as (keyof WorkspaceLimits)[]).map((name) => [
    name,
    String(limits[name]),
    String(defaults[name]),
    String(used[name] ?? "-"),
  ]);
  return formatTable(["LIMIT", "MOST", "DEFAULT", "NOW"], rows);
}

function limit(text: string): Given {
  if (text === "default") return text;
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("a whole number or `default` is needed.");
  return Number(text);
}
