import { create, makeFolders, openForWriting, remove, rename } from "../fs/changes.ts";
import { content, modeString, writeAt } from "../fs/inodes.ts";
import { exists, find, inodeOf, pathOf } from "../fs/lookup.ts";
import { pathIn, write } from "../kernel/calls.ts";
import { KernelError } from "../world/errors.ts";
import { randomBytes } from "../world/random.ts";
import { findGroup, findUser, groupName, userName } from "../kernel/users.ts";
import type { Inode } from "../world/world.ts";
import { parseFlags, type ProgramContext, type SimpleProgram } from "./program.ts";

/** Does something for each operand; a failure is said and the others go on. */
function each(
  context: ProgramContext,
  name: string,
  operands: readonly string[],
  act: (path: string, shown: string) => void,
): number {
  let status = 0;
  for (const operand of operands) {
    try {
      act(pathIn(context.process, operand), operand);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      write(context.kernel, context.process, 2, `${name}: ${operand}: ${error.text}\n`);
      status = 1;
    }
  }
  return status;
}

/** `mv a b`, `cp a b`: into a folder, the source keeps its name. */
function destination({ kernel, process }: ProgramContext, source: string, target: string): string {
  const path = pathIn(process, target);
  return exists(kernel.world, path, process)?.kind === "dir"
    ? `${path}/${source.replace(/\/+$/, "").split("/").at(-1)}`
    : path;
}

function mode(text: string, current: number): number {
  if (/^[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  let result = current;
  for (const clause of text.split(",")) {
    const match = /^([ugoa]*)([-+=])([rwx]*)$/.exec(clause);
    if (match === null) throw new KernelError("EINVAL", text);
    const who = match[1] === "" || match[1]!.includes("a") ? "ugo" : match[1]!;
    const bits = [...match[3]!].reduce((sum, letter) => sum | { r: 4, w: 2, x: 1 }[letter as "r" | "w" | "x"], 0);
    for (const letter of who) {
      const shift = { u: 6, g: 3, o: 0 }[letter as "u" | "g" | "o"];
      if (match[2] === "=") result &= ~(7 << shift);
      result = match[2] === "-" ? result & ~(bits << shift) : result | (bits << shift);
    }
  }
  return result;
}

function checkOwner({ process }: ProgramContext, inode: Inode, path: string): void {
  if (process.uid !== 0 && process.uid !== inode.uid) throw new KernelError("EPERM", path);
}

function withInside(context: ProgramContext, inode: Inode, recursive: boolean, act: (inode: Inode) => void): void {
  act(inode);
  if (recursive)
    for (const ino of inode.entries.values()) withInside(context, inodeOf(context.kernel.world, ino), true, act);
}

function copy(context: ProgramContext, from: string, to: string, recursive: boolean): void {
  const { kernel, process } = context;
  const source = find(kernel.world, from, process);
  if (source.kind === "dir") {
    if (!recursive) throw new KernelError("EISDIR", from);
    makeFolders(kernel, to, process, source.mode);
    for (const name of source.entries.keys()) copy(context, `${from}/${name}`, `${to}/${name}`, true);
    return;
  }
  const target = openForWriting(kernel, to, process, { truncate: true, mode: source.mode & ~process.umask });
  writeAt(target, 0, content(source));
  kernel.changed({ kind: "write", inode: target });
}

function line(context: ProgramContext, inode: Inode, name: string): string {
  const { world } = context.kernel;
  const link = inode.kind === "symlink" ? ` -> ${inode.target}` : "";
  const owner = `${userName(world, inode.uid)} ${groupName(world, inode.gid)}`;
  return `${modeString(inode)} 1 ${owner} ${inode.size} ${new Date(inode.mtimeMs).toISOString().slice(0, 16).replace("T", " ")} ${name}${link}`;
}

export const fileCommands: Record<string, SimpleProgram> = {
  mkdir(context, args, name) {
    const { flags, operands } = parseFlags(args, "m");
    const bits = flags.has("m") ? Number.parseInt(flags.get("m")!, 8) : 0o777 & ~context.process.umask;
    return each(context, name, operands, (path) => {
      if (flags.has("p")) makeFolders(context.kernel, path, context.process, bits);
      else create(context.kernel, path.replace(/\/+$/, ""), context.process, { kind: "dir", mode: bits });
    });
  },
  rmdir: (context, args, name) =>
    each(context, name, args, (path) => remove(context.kernel, path, context.process, { recursive: false })),
  rm(context, args, name) {
    const { flags, operands } = parseFlags(args);
    const isRecursive = flags.has("r") || flags.has("R");
    return each(context, name, operands, (path) => {
      const inode = exists(context.kernel.world, path, context.process, false);
      if (inode === undefined && flags.has("f")) return;
      if (inode?.kind === "dir" && !isRecursive) throw new KernelError("EISDIR", path);
      remove(context.kernel, path, context.process, { recursive: isRecursive });
    });
  },
  mv(context, args, name) {
    const { operands } = parseFlags(args);
    const target = operands.pop() ?? "";
    return each(context, name, operands, (path, shown) =>
      rename(context.kernel, path, destination(context, shown, target), context.process),
    );
  },
  cp(context, args, name) {
    const { flags, operands } = parseFlags(args);
    const target = operands.pop() ?? "";
    const isRecursive = flags.has("r") || flags.has("R") || flags.has("a");
    return each(context, name, operands, (path, shown) =>
      copy(context, path, destination(context, shown, target), isRecursive),
    );
  },
  ln(context, args, name) {
    const { flags, operands } = parseFlags(args);
    const [target, link] = operands;
    return each(context, name, [link ?? "."], () => {
      if (!flags.has("s")) throw new KernelError("EPERM", "hard links are not part of the fake guest");
      const path = destination(context, target ?? "", link ?? ".");
      if (flags.has("f") && exists(context.kernel.world, path, context.process, false) !== undefined) {
        remove(context.kernel, path, context.process, { recursive: false });
      }
      create(context.kernel, path, context.process, { kind: "symlink", mode: 0o777, target: target ?? "" });
    });
  },
  readlink({ kernel, process }, args) {
    const { flags, operands } = parseFlags(args);
    const inode = exists(kernel.world, pathIn(process, operands[0] ?? ""), process, flags.has("f"));
    if (inode === undefined || (!flags.has("f") && inode.kind !== "symlink")) return 1;
    write(kernel, process, 1, `${flags.has("f") ? pathOf(kernel.world, inode) : inode.target}\n`);
    return 0;
  },
  touch(context, args, name) {
    const { kernel, process } = context;
    return each(context, name, parseFlags(args).operands, (path) => {
      openForWriting(kernel, path, process, { truncate: false, mode: 0o666 & ~process.umask }).mtimeMs = kernel.now();
    });
  },
  chmod(context, args, name) {
    const { flags, operands } = parseFlags(args.filter((arg) => !/^-[rwx]+$/.test(arg)));
    const [bits, ...paths] = operands;
    return each(context, name, paths, (path) => {
      const inode = find(context.kernel.world, path, context.process);
      checkOwner(context, inode, path);
      withInside(context, inode, flags.has("R"), (one) => {
        one.mode = mode(bits ?? "", one.mode);
        context.kernel.changed({ kind: "chmod", inode: one });
      });
    });
  },
  chown(context, args, name) {
    const { flags, operands } = parseFlags(args);
    const [owner, ...paths] = operands;
    const [user, group] = (owner ?? "").split(":");
    return each(context, name, paths, (path) => {
      const inode = find(context.kernel.world, path, context.process);
      if (context.process.uid !== 0) throw new KernelError("EPERM", path);
      const uid = user === "" ? undefined : findUser(context.kernel.world, user!)?.uid;
      const gid = group === undefined ? undefined : findGroup(context.kernel.world, group);
      withInside(context, inode, flags.has("R"), (one) => {
        one.uid = uid ?? one.uid;
        one.gid = gid ?? one.gid;
      });
    });
  },
  ls(context, args, name) {
    const { flags, operands } = parseFlags(args);
    const { kernel, process } = context;
    return each(context, name, operands.length === 0 ? ["."] : operands, (path, shown) => {
      const inode = find(kernel.world, path, process, !flags.has("l") || flags.has("d") === false);
      const isListed = inode.kind === "dir" && !flags.has("d");
      const names = isListed
        ? [...inode.entries.keys()].filter((each) => flags.has("a") || flags.has("A") || !each.startsWith(".")).sort()
        : [shown];
      for (const entry of names) {
        const node = isListed ? inodeOf(kernel.world, inode.entries.get(entry)!) : inode;
        write(kernel, process, 1, `${flags.has("l") ? line(context, node, entry) : entry}\n`);
      }
    });
  },
  stat(context, args, name) {
    const { flags, operands } = parseFlags(args, "c");
    const { kernel, process } = context;
    return each(context, name, operands, (path, shown) => {
      const inode = find(kernel.world, path, process, flags.has("L"));
      const values: Record<string, string> = {
        n: shown,
        s: String(inode.size),
        a: inode.mode.toString(8),
        A: modeString(inode),
        u: String(inode.uid),
        g: String(inode.gid),
        U: userName(kernel.world, inode.uid),
        G: groupName(kernel.world, inode.gid),
        Y: String(Math.floor(inode.mtimeMs / 1000)),
        i: String(inode.ino),
        F: {
          file: "regular file",
          dir: "directory",
          symlink: "symbolic link",
          char: "character special file",
          fifo: "fifo",
          socket: "socket",
        }[inode.kind],
      };
      write(
        kernel,
        process,
        1,
        `${(flags.get("c") ?? "%n %s").replace(/%([a-zA-Z])/g, (whole, letter: string) => values[letter] ?? whole)}\n`,
      );
    });
  },
  mktemp(context, args) {
    const { flags, operands } = parseFlags(args, "p");
    const { kernel, process } = context;
    const random = (): string =>
      randomBytes(kernel.world, 32)
        .toString("base64")
        .replace(/[^A-Za-z0-9]/g, "");
    const template = operands[0] ?? `${flags.get("p") ?? process.env["TMPDIR"] ?? "/tmp"}/tmp.XXXXXXXXXX`;
    const path = pathIn(
      process,
      template.replace(/X+$/, (xs) => random().slice(0, xs.length)),
    );
    if (!flags.has("u"))
      create(kernel, path, process, { kind: flags.has("d") ? "dir" : "file", mode: flags.has("d") ? 0o700 : 0o600 });
    write(kernel, process, 1, `${path}\n`);
    return 0;
  },
};
