import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, newGroup } from "../command.ts";
import { formatAge, formatFields, formatSize, formatTable, printJson, printLine } from "../output.ts";

const EXAMPLE_ID = "3f2b8c1e-5d4a-4c7b-9e8f-1a2b3c4d5e6f";

export function snapshotGroup(): Command {
  return newGroup("snapshot", "copies of sandboxes at one instant, that others can start from", [
    createCommand(),
    listCommand(),
    getCommand(),
    deleteCommand(),
  ]);
}

function createCommand(): Command {
  return newCommand({
    name: "create",
    summary: "take a snapshot and print its id",
    example: "pandastack create --snapshot $(pandastack snapshot create 4f9k2m7x1q8w3e5r6t0y)",
  })
    .argument("<id>", "sandbox")
    .action(async (id: string, options: CommonOptions) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const info = await sandbox.snapshots.create();
      if (options.json) printJson(info);
      else printLine(info.id);
    });
}

function listCommand(): Command {
  return newCommand({
    name: "list",
    summary: "list snapshots, newest first",
    example: "pandastack snapshot list --sandbox 4f9k2m7x1q8w3e5r6t0y",
  })
    .alias("ls")
    .option("--sandbox <id>", "only those of one sandbox")
    .action(async (options: CommonOptions & { sandbox?: string }) => {
      const infos = await clientFor(options).snapshots.list({ sandboxId: options.sandbox }).toArray();
      if (options.json) return printJson(infos);
      const rows = infos.map((info) => [
        info.id,
        info.sandbox_id,
        info.template,
        formatSize(info.size_bytes),
        formatAge(info.created_at),
      ]);
      printLine(formatTable(["ID", "SANDBOX", "TEMPLATE", "SIZE", "AGE"], rows));
    });
}

function getCommand(): Command {
  return newCommand({ name: "get", summary: "show one snapshot", example: `pandastack snapshot get ${EXAMPLE_ID}` })
    .argument("<snapshot>", "id")
    .action(async (id: string, options: CommonOptions) => {
      const info = await clientFor(options).snapshots.get(id);
      if (options.json) printJson(info);
      else printLine(formatFields(info));
    });
}

function deleteCommand(): Command {
  return newCommand({
    name: "delete",
    summary: "delete snapshots; sandboxes that came from them live on",
    example: `pandastack snapshot delete ${EXAMPLE_ID}`,
  })
    .alias("rm")
    .argument("<snapshot...>", "ids")
    .action(async (ids: string[], options: CommonOptions) => {
      const { snapshots } = clientFor(options);
      for (const id of ids) await snapshots.delete(id);
      if (options.json) printJson(ids.map((id) => ({ id, deleted: true })));
    });
}
