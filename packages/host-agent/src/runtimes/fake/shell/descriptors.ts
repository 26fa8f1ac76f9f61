import { assign, open } from "../kernel/calls.ts";
import { KernelError } from "../world/errors.ts";
import { newOpenFile, newPipe } from "../kernel/pipes.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { OpenFile, Process } from "../world/world.ts";
import { expandText, type ExpandContext } from "./expand.ts";
import type { Redirect } from "./tree.ts";

/** Descriptors from here on are the shell's own: children do not inherit them. */
export const FIRST_PRIVATE_FD = 10;

export function inherited(kernel: Kernel, process: Process): Map<number, OpenFile> {
  const files = new Map<number, OpenFile>();
  for (const [fd, id] of process.fds) if (fd < FIRST_PRIVATE_FD) files.set(fd, kernel.world.files.get(id)!);
  return files;
}

/** The descriptors after these redirections. Files opened on the way have no reference yet. */
export function redirect(
  context: ExpandContext,
  files: Map<number, OpenFile>,
  redirects: readonly Redirect[],
): Map<number, OpenFile> {
  const { kernel, process } = context;
  const result = new Map(files);
  for (const { fd, op, word } of redirects) {
    const text = expandText(context, word);
    if (op === "heredoc") result.set(fd, hereDocument(kernel, text));
    else if (op === ">&" || op === "<&") {
      if (text === "-") result.delete(fd);
      else {
        const file = result.get(Number(text));
        if (file === undefined) throw new KernelError("EBADF", text);
        result.set(fd, file);
      }
    } else {
      const mode = op === "<" ? "read" : op === ">" ? "write" : op === ">>" ? "append" : "readwrite";
      result.set(fd, open(kernel, process, text, mode));
    }
  }
  return result;
}

/** A pipe that holds the whole text, however long, and has no writer. */
function hereDocument(kernel: Kernel, text: string): OpenFile {
  const pipe = newPipe(kernel.world);
  const bytes = Buffer.from(text);
  if (bytes.length > 0) pipe.chunks.push(bytes);
  pipe.bytes = bytes.length;
  return newOpenFile(kernel.world, { kind: "pipe", pipe: pipe.id, end: "read" });
}

/** Puts descriptors in place of the process's and answers what to give back to `restore`. */
export function install(kernel: Kernel, process: Process, files: ReadonlyMap<number, OpenFile>): [number, number][] {
  const saved = [...process.fds].filter(([fd]) => fd < FIRST_PRIVATE_FD);
  for (const [, id] of saved) kernel.world.files.get(id)!.refs++;
  for (const [fd] of saved) if (!files.has(fd)) kernel.close(process, fd);
  for (const [fd, file] of files) assign(kernel, process, fd, file);
  return saved;
}

export function restore(kernel: Kernel, process: Process, saved: readonly [number, number][]): void {
  for (const fd of [...process.fds.keys()]) if (fd < FIRST_PRIVATE_FD) kernel.close(process, fd);
  for (const [fd, id] of saved) process.fds.set(fd, id);
}
