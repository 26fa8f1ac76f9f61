import { Argument, type Command } from "commander";
import type { IsolationPolicy } from "@pandastack/sdk";
import { clientFor, type CommonOptions, newCommand, newGroup } from "../command.ts";
import { formatAge, formatTable, printJson, printLine } from "../output.ts";
import { workspaceLimitsCommand } from "./workspace-limits.ts";
import { workspaceNetworkCommand } from "./workspace-network.ts";

export function workspaceGroup(): Command {
  return newGroup("workspace", "what sandboxes, snapshots and tokens belong to", [
    listCommand(),
    createCommand(),
    workspaceLimitsCommand(),
    workspaceNetworkCommand(),
    isolationCommand(),
  ]);
}

function listCommand(): Command {
  return newCommand({ name: "list", summary: "list workspaces", example: "pandastack workspace list" })
    .alias("ls")
    .action(async (options: CommonOptions) => {
      const workspaces = await clientFor(options).workspaces.list().toArray();
      if (options.json) return printJson(workspaces);
      const rows = workspaces.map(({ slug, name, created_at }) => [slug, name, formatAge(created_at)]);
      printLine(formatTable(["SLUG", "NAME", "AGE"], rows));
    });
}

function createCommand(): Command {
  return newCommand({
    name: "create",
    summary: "make a workspace; `token create --workspace` makes tokens for it",
    example: "pandastack workspace create research --name Research",
  })
    .argument("<slug>", "2 to 40 characters of a-z, 0-9 and -")
    .option("--name <text>", "what people call it")
    .action(async (slug: string, options: CommonOptions & { name?: string }) => {
      const workspace = await clientFor(options).workspaces.create(slug, { name: options.name });
      if (options.json) printJson(workspace);
      else printLine(workspace.slug);
    });
}

function isolationCommand(): Command {
  return newCommand({
    name: "isolation",
    summary: "show or set what has to isolate a workspace's sandboxes",
    example: "pandastack workspace isolation research kernel",
  })
    .argument("<slug>", "the workspace")
    .addArgument(
      new Argument(
        "[policy]",
        "any: whatever the server has; kernel: a kernel of its own for each, so no gVisor",
      ).choices(["any", "kernel"]),
    )
    .action(async (slug: string, policy: IsolationPolicy | undefined, options: CommonOptions) => {
      const { workspaces } = clientFor(options);
      if (policy !== undefined) await workspaces.setIsolation(slug, policy);
      const isolation = await workspaces.isolation(slug);
      if (options.json) printJson({ isolation });
      else printLine(isolation);
    });
}
