import type { Volume } from "@pandastack/sdk";
import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, newGroup, wholeNumber } from "../command.ts";
import { formatAge, formatFields, formatTable, printJson, printLine } from "../output.ts";

const LARGEST_MB = 65_536;
const SMALLEST_MB = 16;
const sizeMb = wholeNumber(SMALLEST_MB, LARGEST_MB);

export function volumeGroup(): Command {
  return newGroup("volume", "disks that outlive sandboxes", [
    createCommand(),
    listCommand(),
    getCommand(),
    growCommand(),
    copyCommand("clone", "copy a volume; blocks are shared until they are written", "data-copy"),
    copyCommand("snapshot", "keep what is on a volume now, for reading or cloning", "data-monday"),
    deleteCommand(),
  ]);
}

function createCommand(): Command {
  return newCommand({
    name: "create",
    summary: "make an empty volume",
    example: "pandastack volume create data --size 1024 && pandastack create --volume data",
  })
    .argument("<name>", "letters, digits, dots, dashes and underscores")
    .option("--size <mb>", "in MiB (default: 256)", sizeMb)
    .action(async (name: string, options: CommonOptions & { size?: number }) => {
      print(await clientFor(options).volumes.create(name, { sizeMb: options.size }), options);
    });
}

function listCommand(): Command {
  return newCommand({ name: "list", summary: "list volumes and who has them", example: "pandastack volume list" })
    .alias("ls")
    .action(async (options: CommonOptions) => {
      const infos = (await clientFor(options).volumes.list().toArray()).map((volume) => volume.info);
      if (options.json) return printJson(infos);
      const rows = infos.map((info) => [
        info.name,
        `${info.size_mb} MiB`,
        info.is_snapshot ? "snapshot" : "volume",
        info.attached_to.map((each) => `${each.sandbox_id}${each.read_only ? " (ro)" : ""}`).join(", ") || "-",
        formatAge(info.created_at),
      ]);
      printLine(formatTable(["NAME", "SIZE", "KIND", "ATTACHED TO", "AGE"], rows));
    });
}

function getCommand(): Command {
  return newCommand({ name: "get", summary: "show one volume", example: "pandastack volume get data" })
    .argument("<name>", "volume")
    .action(async (name: string, options: CommonOptions) => {
      const { info } = await clientFor(options).volumes.get(name);
      if (options.json) printJson(info);
      else printLine(formatFields(info));
    });
}

function growCommand(): Command {
  return newCommand({
    name: "grow",
    summary: "make a volume larger, also while it is in use",
    example: "pandastack volume grow data 2048",
  })
    .argument("<name>", "volume")
    .argument("<mb>", "its new size in MiB", sizeMb)
    .action(async (name: string, mb: number, options: CommonOptions) => {
      const volume = await clientFor(options).volumes.get(name);
      await volume.grow(mb);
      print(volume, options);
    });
}

function copyCommand(kind: "clone" | "snapshot", summary: string, example: string): Command {
  return newCommand({ name: kind, summary, example: `pandastack volume ${kind} data ${example}` })
    .argument("<name>", "volume")
    .argument("<new>", "name of the copy")
    .action(async (name: string, copy: string, options: CommonOptions) => {
      const volume = await clientFor(options).volumes.get(name);
      print(await volume[kind](copy), options);
    });
}

function deleteCommand(): Command {
  return newCommand({
    name: "delete",
    summary: "delete volumes and all that is on them",
    example: "pandastack volume delete data",
  })
    .alias("rm")
    .argument("<name...>", "volumes")
    .action(async (names: string[], options: CommonOptions) => {
      const { volumes } = clientFor(options);
      for (const name of names) await volumes.delete(name);
      if (options.json) printJson(names.map((name) => ({ name, deleted: true })));
    });
}

function print(volume: Volume, options: CommonOptions): void {
  if (options.json) printJson(volume.info);
  else printLine(volume.name);
}
