import type { Files } from "@pandastack/sdk";
import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, newGroup, wholeNumber } from "../command.ts";
import {
  formatAge,
  formatFields,
  formatSize,
  formatTable,
  printJson,
  printJsonLine,
  printLine,
  writeAll,
} from "../output.ts";

const ID = "4f9k2m7x1q8w3e5r6t0y";

/** `cp` is for whole files and folders, both ways; these are for looking and for what is small. */
export function filesGroup(): Command {
  return newGroup("files", "files in a sandbox; `cp` copies them", [
    listCommand(),
    statCommand(),
    catCommand(),
    writeCommand(),
    makeFolderCommand(),
    moveCommand(),
    removeCommand(),
    modeCommand(),
    ownerCommand(),
    watchCommand(),
  ]);
}

async function filesOf(id: string, options: CommonOptions): Promise<Files> {
  return (await clientFor(options).sandboxes.get(id)).files;
}
/** Of what has nothing to say but that it is done. */
function done(options: CommonOptions, what: Record<string, unknown>): void {
  if (options.json) printJson(what);
}
const forSandbox = (name: string, summary: string, example: string) =>
  newCommand({ name, summary, example: `pandastack files ${name} ${ID} ${example}` }).argument("<id>", "sandbox");

function listCommand(): Command {
  return forSandbox("list", "list a folder", "/root --depth 2")
    .alias("ls")
    .argument("[path]", "default /root", "/root")
    .option("--depth <number>", "with the folders below", wholeNumber(1, 32))
    .action(async (id: string, path: string, options: CommonOptions & { depth?: number }) => {
      const entries = await (await filesOf(id, options)).list(path, { depth: options.depth }).toArray();
      if (options.json) return printJson(entries);
      const rows = entries.map((entry) => [
        entry.mode,
        entry.user,
        formatSize(entry.size),
        formatAge(new Date(entry.mtime * 1000).toISOString()),
        options.depth === undefined ? entry.name : entry.path,
      ]);
      printLine(formatTable(["MODE", "OWNER", "SIZE", "AGE", "NAME"], rows));
    });
}

function statCommand(): Command {
  return forSandbox("stat", "show one file or folder", "/etc/hosts")
    .argument("<path>")
    .action(async (id: string, path: string, options: CommonOptions) => {
      const info = await (await filesOf(id, options)).stat(path);
      if (options.json) printJson(info);
      else printLine(formatFields(info));
    });
}

function catCommand(): Command {
  return forSandbox("cat", "print files as they are", "/etc/os-release")
    .argument("<path...>")
    .action(async (id: string, paths: string[], options: CommonOptions) => {
      const files = await filesOf(id, options);
      for (const path of paths) {
        if (options.json) await printJsonLine({ path, text: await files.readText(path) });
        else for await (const chunk of await files.readStream(path)) await writeAll(process.stdout, chunk);
      }
    });
}

function writeCommand(): Command {
  return forSandbox("write", "write what comes in on stdin into a file", "/root/notes.txt < notes.txt")
    .argument("<path>")
    .option("--append", "behind what is there")
    .option("--mode <octal>", "such as 755")
    .action(async (id: string, path: string, options: CommonOptions & { append?: boolean; mode?: string }) => {
      const { append, mode } = options;
      const input = ReadableStream.from(process.stdin) as ReadableStream<Uint8Array>;
      await (await filesOf(id, options)).write(path, input, { append, mode });
      done(options, { path, written: true });
    });
}

function makeFolderCommand(): Command {
  return forSandbox("mkdir", "make folders, with those above them", "/root/a/b")
    .argument("<path...>")
    .action(async (id: string, paths: string[], options: CommonOptions) => {
      const files = await filesOf(id, options);
      const made = [];
      for (const path of paths) made.push(await files.mkdir(path));
      if (options.json) printJson(made);
    });
}

function moveCommand(): Command {
  return forSandbox("mv", "move or rename", "/root/a /root/b")
    .argument("<from>")
    .argument("<to>")
    .option("--no-overwrite", "fail where something is there")
    .action(async (id: string, from: string, to: string, options: CommonOptions & { overwrite: boolean }) => {
      await (await filesOf(id, options)).move(from, to, { overwrite: options.overwrite });
      done(options, { from, to, moved: true });
    });
}

function removeCommand(): Command {
  return forSandbox("rm", "remove files, or folders with -r", "-r /root/build")
    .argument("<path...>")
    .option("-r, --recursive", "folders with what is in them")
    .action(async (id: string, paths: string[], options: CommonOptions & { recursive?: boolean }) => {
      const files = await filesOf(id, options);
      for (const path of paths) await files.remove(path, { recursive: options.recursive });
      done(options, { paths, removed: true });
    });
}

function modeCommand(): Command {
  return forSandbox("chmod", "change a mode", "755 /root/run.sh")
    .argument("<mode>", "octal")
    .argument("<path...>")
    .option("-r, --recursive", "and of all below")
    .action(async (id: string, mode: string, paths: string[], options: CommonOptions & { recursive?: boolean }) => {
      const files = await filesOf(id, options);
      for (const path of paths) await files.chmod(path, mode, { recursive: options.recursive });
      done(options, { paths, mode });
    });
}

function ownerCommand(): Command {
  return forSandbox("chown", "change owner and group", "user:user /root/shared")
    .argument("<owner>", "user, user:group or :group")
    .argument("<path...>")
    .option("-r, --recursive", "and of all below")
    .action(async (id: string, owner: string, paths: string[], options: CommonOptions & { recursive?: boolean }) => {
      const [user, group] = owner.split(":").map((name) => (name === "" ? undefined : name));
      const files = await filesOf(id, options);
      for (const path of paths) await files.chown(path, { user, group }, { recursive: options.recursive });
      done(options, { paths, user, group });
    });
}

function watchCommand(): Command {
  return forSandbox("watch", "print what changes below a path, as it does", "-r /root/src")
    .argument("<path>")
    .option("-r, --recursive", "and in the folders below")
    .action(async (id: string, path: string, options: CommonOptions & { recursive?: boolean }) => {
      const changes = await (await filesOf(id, options)).watch(path, { recursive: options.recursive });
      for await (const change of changes) {
        if (options.json) await printJsonLine(change);
        else printLine([change.kind, "path" in change ? change.path : ""].join("  ").trimEnd());
      }
    });
}
