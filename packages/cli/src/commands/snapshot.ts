import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatAge, formatTable, printJson, printLine } from "../output.ts";

export function snapshotCommand(): Command {
  return newCommand({
    name: "snapshot",
    summary: "take a snapshot and print its id",
    example: "pandastack create --snapshot $(pandastack snapshot 4f9k2m7x1q8w3e5r6t0y)",
  })
    .argument("<id>", "sandbox")
    .action(async (id: string, options: CommonOptions) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const info = await sandbox.snapshots.create();
      if (options.json) printJson(info);
      else printLine(info.id);
    });
}

export function snapshotsCommand(): Command {
  return newCommand({
    name: "snapshots",
    summary: "list snapshots, newest first",
    example: "pandastack snapshots --sandbox 4f9k2m7x1q8w3e5r6t0y",
  })
    .option("--sandbox <id>", "only those of one sandbox")
    .action(async (options: CommonOptions & { sandbox?: string }) => {
      const infos = await clientFor(options).snapshots.list({ sandboxId: options.sandbox });
      if (options.json) return printJson(infos);
      const rows = infos.map((info) => [
        info.id,
        info.sandbox_id,
        info.template ?? "-",
        formatSize(info.size_bytes),
        formatAge(info.created_at),
      ]);
      printLine(formatTable(["ID", "SANDBOX", "TEMPLATE", "SIZE", "AGE"], rows));
    });
}

export function snapshotDeleteCommand(): Command {
  return newCommand({
    name: "snapshot-delete",
    summary: "delete a snapshot",
    example: "pandastack snapshot-delete 3f2b8c1e-5d4a-4c7b-9e8f-1a2b3c4d5e6f",
  })
    .argument("<snapshot>", "id")
    .action(async (id: string, options: CommonOptions) => {
      await clientFor(options).snapshots.delete(id);
      if (options.json) printJson({ id, deleted: true });
    });
}

function formatSize(bytes: number | undefined): string {
  return bytes === undefined ? "-" : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
