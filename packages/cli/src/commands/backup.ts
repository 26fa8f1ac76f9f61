import { Option, type Command } from "commander";
import { type CommonOptions, newCommand } from "../command.ts";
import { formatSize, printJson, printLine } from "../output.ts";
import { loadUpkeep, requireRoot } from "../upkeep.ts";

export function backupCommand(): Command {
  return newCommand({
    name: "backup",
    summary: "copy all that a server must not lose into a folder, while it runs or not",
    example: "pandastack backup /backups/pandastack-$(date +%F)",
    more: [
      "Run on the server's machine, as root. Hibernated sandboxes with their memory, disks of the others, snapshots, volumes, the",
      "journal, the database, and the builds that memory images need. What runs is not disturbed; its memory is not in the backup.",
      "With a DATABASE_URL the database is not in it either: back that PostgreSQL up right after.",
    ].join(" "),
  })
    .argument("<folder>", "made by this; must not exist")
    .option("--no-builds", "leave the builds out: only for a restore on this very machine")
    .action(async (folder: string, options: CommonOptions & { builds: boolean }) => {
      requireRoot("backup");
      const { findPlace } = await loadUpkeep(() => import("@pandastack/setup/upkeep/place"));
      const { backUp } = await loadUpkeep(() => import("@pandastack/setup/upkeep/backup/backup"));
      const manifest = await backUp({ place: findPlace(), folder, withBuilds: options.builds });
      if (options.json) return printJson(manifest);
      const { sandboxes, snapshots, volumes, poolBytes } = manifest;
      printLine(
        `${folder}: ${sandboxes} sandboxes, ${snapshots} snapshots, ${volumes} volumes, ${formatSize(poolBytes)}`,
      );
      if (!manifest.hasDatabase) printLine("The database is not in it: back up the PostgreSQL of DATABASE_URL now.");
    });
}

export function restoreCommand(): Command {
  return newCommand({
    name: "restore",
    summary: "make a data folder of a backup, for a start on it",
    example: "pandastack restore /backups/pandastack-2026-11-26 --data-dir /var/lib/pandastack",
    more: [
      "Run as root. The data folder must be empty or not there. Sandboxes that ran when the backup was made have lost their memory:",
      "those that last start from their disks at the next use, others have failed and say so.",
    ].join(" "),
  })
    .argument("<folder>", "a backup")
    .addOption(new Option("--data-dir <folder>", "where to (default: PANDASTACK_DATA_DIR)").env("PANDASTACK_DATA_DIR"))
    .action(async (folder: string, { dataDir, ...options }: CommonOptions & { dataDir?: string }) => {
      requireRoot("restore");
      const { findPlace } = await loadUpkeep(() => import("@pandastack/setup/upkeep/place"));
      const { restore } = await loadUpkeep(() => import("@pandastack/setup/upkeep/backup/restore"));
      const env = { ...process.env, ...(dataDir === undefined ? {} : { PANDASTACK_DATA_DIR: dataDir }) };
      const place = findPlace(env);
      const manifest = await restore({ place, folder, env });
      if (options.json) return printJson({ ...manifest, restored_to: place.settings.dataDir });
      const { sandboxes, snapshots, volumes } = manifest;
      printLine(
        `${place.settings.dataDir}: ${sandboxes} sandboxes, ${snapshots} snapshots, ${volumes} volumes. Start the server on it now.`,
      );
    });
}
