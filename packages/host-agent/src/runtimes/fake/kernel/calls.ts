import { openForWriting } from "../fs/changes.ts";
import { readInode, writeInode } from "../fs/devices.ts";
import { absolute, find, inodeOf, may, type Credentials } from "../fs/lookup.ts";
import { KernelError } from "../world/errors.ts";
import type { Kernel } from "./kernel.ts";
import { CONSOLE_DEVICE, writeConsole } from "../world/console.ts";
import { newOpenFile, pipeOf, readPipe, writePipe } from "./pipes.ts";
import { readTerminal, writeTerminal } from "./terminals.ts";
import type { OpenFile, Process } from "../world/world.ts";

/** System calls: what a program may ask of the kernel, for itself. */

const READ_BYTES = 65_536;

export function credentials(process: Process): Credentials {
  return process;
}

export function pathIn(process: Process, path: string): string {
  return absolute(process.cwd, path);
}

export function fileAt(kernel: Kernel, process: Process, fd: number): OpenFile {
  const file = kernel.world.files.get(process.fds.get(fd) ?? -1);
  if (file === undefined) throw new KernelError("EBADF", String(fd));
  return file;
}

export function read(kernel: Kernel, process: Process, fd: number, max = READ_BYTES): Buffer | "eof" | "blocked" {
  const { world } = kernel;
  const file = fileAt(kernel, process, fd);
  switch (file.kind) {
    case "terminal":
      return readTerminal(world.terminals.get(file.terminal)!, max);
    case "file": {
      const data = readInode(world, kernel, inodeOf(world, file.ino), file.offset, max);
      file.offset += data.length;
      return data.length === 0 ? "eof" : Buffer.from(data);
    }
    case "pipe":
    case "socket": {
      const pipe = pipeOf(world, file.kind === "pipe" ? file.pipe : file.readPipe);
      if (pipe.bytes > 0) return readPipe(pipe, max);
      return pipe.writers <= 0 ? "eof" : "blocked";
    }
  }
}

/** How many bytes were taken; SIGPIPE ends a writer that nobody reads. */
export function writeSome(kernel: Kernel, process: Process, file: OpenFile, data: Buffer): number {
  const { world } = kernel;
  switch (file.kind) {
    case "terminal":
      return writeTerminal(world, world.terminals.get(file.terminal)!, data);
    case "file": {
      const inode = inodeOf(world, file.ino);
      const offset = file.append ? inode.size : file.offset;
      writeInode(inode, offset, data);
      file.offset = offset + data.length;
      if (inode.device === CONSOLE_DEVICE) {
        writeConsole(world, data.toString());
        kernel.changed({ kind: "write", inode });
      }
      if (inode.kind === "file") {
        inode.mtimeMs = kernel.now();
        kernel.changed({ kind: "write", inode });
      }
      return data.length;
    }
    case "pipe":
    case "socket": {
      const pipe = pipeOf(world, file.kind === "pipe" ? file.pipe : file.writePipe);
      if (pipe.readers <= 0) {
        kernel.signal(process, "SIGPIPE");
        return data.length;
      }
      return writePipe(pipe, data);
    }
  }
}

/** Queues the bytes; the program's next step comes when all of them are gone. */
export function write(kernel: Kernel, process: Process, fd: number, data: Buffer | string): void {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  if (bytes.length === 0 || process.status !== null) return;
  const file = fileAt(kernel, process, fd);
  const taken = process.pending.length === 0 ? writeSome(kernel, process, file, bytes) : 0;
  if (taken === bytes.length || process.status !== null) return;
  // The descriptor may be closed or moved before the rest is gone: hold the file itself.
  file.refs++;
  process.pending.push({ file: file.id, data: bytes.subarray(taken) });
}

export type OpenMode = "read" | "write" | "append" | "readwrite";

export function open(kernel: Kernel, process: Process, path: string, mode: OpenMode): OpenFile {
  const where = pathIn(process, path);
  const inode =
    mode === "read"
      ? find(kernel.world, where, process)
      : openForWriting(kernel, where, process, { truncate: mode === "write", mode: 0o666 & ~process.umask });
  if (mode === "read" && !may(inode, process, 4)) throw new KernelError("EACCES", path);
  if (inode.device.startsWith("fd:")) return fileAt(kernel, process, Number(inode.device.slice(3)));
  if (inode.device === "tty") {
    const terminal = [...process.fds.values()]
      .map((id) => kernel.world.files.get(id))
      .find((file) => file?.kind === "terminal");
    if (terminal === undefined) throw new KernelError("ENOENT", path);
    return terminal;
  }
  return newOpenFile(kernel.world, {
    kind: "file",
    ino: inode.ino,
    offset: 0,
    append: mode === "append",
    readable: mode === "read" || mode === "readwrite",
    writable: mode !== "read",
  });
}

/** Makes descriptor `fd` refer to `file`. */
export function assign(kernel: Kernel, process: Process, fd: number, file: OpenFile): void {
  file.refs++;
  kernel.close(process, fd);
  process.fds.set(fd, file.id);
}

export function exit(kernel: Kernel, process: Process, code: number): void {
  process.leaving = { code: code & 0xff, signal: null };
  if (process.pending.length === 0) kernel.end(process, process.leaving);
}
