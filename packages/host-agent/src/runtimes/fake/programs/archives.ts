import { create, makeFolders, openForWriting, remove } from "../fs/changes.ts";
import { content, writeAt } from "../fs/inodes.ts";
import { exists, find, inodeOf } from "../fs/lookup.ts";
import { exit, pathIn, write } from "../kernel/calls.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { KernelError } from "../world/errors.ts";
import type { Inode, Process } from "../world/world.ts";
import { inputFailed, slurp } from "./input.ts";
import { parseFlags, type Program } from "./program.ts";

const BLOCK = 512;
const KINDS: Partial<Record<string, Inode["kind"]>> = { "0": "file", "2": "symlink", "5": "dir" };
const padded = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;

/** As much of `tar` as files, folders and links need: `-c` to standard output, `-x` from it or a file, nothing compressed. */
export const archivePrograms: Record<string, Program> = {
  tar: {
    step(kernel, process) {
      const { flags, operands } = parseFlags(process.argv.slice(1), "Cf");
      const done = (code: number): void => exit(kernel, process, code);
      try {
        if (flags.has("version")) write(kernel, process, 1, "tar (GNU tar) of the fake guest\n");
        else if (flags.has("c")) write(kernel, process, 1, pack(kernel, process, flags, operands));
        else if (flags.has("x")) {
          const file = flags.get("f") ?? "-";
          const data = slurp(kernel, process, file === "-" ? [] : [file]);
          if (data === undefined) return;
          unpack(kernel, process, pathIn(process, flags.get("C") ?? "."), data);
        }
        done(inputFailed(process) ? 2 : 0);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        write(kernel, process, 2, `tar: ${error.text}\n`);
        done(2);
      }
    },
  },
};

function pack(kernel: Kernel, process: Process, flags: Map<string, string>, names: readonly string[]): Buffer {
  const number = (flag: string): number | undefined =>
    flags.has(flag) ? Number(flags.get(flag)!.replace("+", "")) : undefined;
  const mode = flags.has("mode") ? Number.parseInt(flags.get("mode")!, 8) : undefined;
  const blocks: Buffer[] = [];
  const add = (name: string, inode: Inode): void => {
    const type = Object.keys(KINDS).find((key) => KINDS[key] === inode.kind);
    if (type === undefined) return;
    const data = inode.kind === "file" ? content(inode) : Buffer.alloc(0);
    const header = Buffer.alloc(BLOCK);
    const octal = (at: number, length: number, value: number) =>
      header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
    header.write(name, 0, 100);
    octal(100, 8, mode ?? inode.mode);
    octal(108, 8, number("owner") ?? inode.uid);
    octal(116, 8, number("group") ?? inode.gid);
    octal(124, 12, data.length);
    octal(136, 12, Math.floor(inode.mtimeMs / 1000));
    header.write(`        ${type}${inode.target}`, 148, "utf8");
    header.write("ustar\u000000", 257, "latin1");
    octal(
      148,
      7,
      header.reduce((sum, byte) => sum + byte, 0),
    );
    blocks.push(header, data, Buffer.alloc(padded(data.length) - data.length));
    for (const [child, ino] of inode.entries) add(`${name}/${child}`, inodeOf(kernel.world, ino));
  };
  const folder = flags.get("C") ?? ".";
  for (const name of names) add(name, find(kernel.world, pathIn(process, `${folder}/${name}`), process, false));
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function unpack(kernel: Kernel, process: Process, folder: string, data: Buffer): void {
  const { world } = kernel;
  for (let at = 0; at + BLOCK <= data.length && data[at] !== 0;) {
    const header = data.subarray(at, at + BLOCK);
    const text = (from: number, length: number) => header.toString("utf8", from, from + length).split("\0")[0]!;
    const octal = (from: number, length: number) => Number.parseInt(text(from, length).trim() || "0", 8);
    const [path, size, kind] = [`${folder}/${text(0, 100)}`, octal(124, 12), KINDS[text(156, 1) || "0"]];
    at += BLOCK;
    if (kind === undefined) throw new KernelError("EINVAL", path);
    const there = exists(world, path, process, false);
    if (there !== undefined && (kind === "symlink" || there.kind === "symlink") && kind !== "dir")
      remove(kernel, path, process, { recursive: true });
    if (kind === "dir") makeFolders(kernel, path, process, 0o755);
    else {
      makeFolders(kernel, path.slice(0, path.lastIndexOf("/")), process, 0o755);
      if (kind === "symlink") create(kernel, path, process, { kind, mode: 0o777, target: text(157, 100) });
      else
        writeAt(
          openForWriting(kernel, path, process, { truncate: true, mode: 0o644 }),
          0,
          data.subarray(at, at + size),
        );
    }
    const made = find(world, path, process, kind === "dir");
    [made.mode, made.uid, made.gid] = [octal(100, 8), octal(108, 8), octal(116, 8)];
    at += padded(size);
  }
}
