import { exit, write } from "../kernel/calls.ts";
import type { Executable } from "../kernel/spawn.ts";
import type { OpenFile } from "../world/world.ts";
import type { ExpandContext } from "./expand.ts";

/** `execve`: the same process, another program. */
export function become(
  { kernel, process }: ExpandContext,
  found: Executable,
  env: Record<string, string>,
  files: Map<number, OpenFile>,
): void {
  const old = [...process.fds.values()].map((id) => kernel.world.files.get(id)!);
  for (const file of files.values()) file.refs++;
  process.fds = new Map([...files].map(([fd, file]) => [fd, file.id]));
  for (const file of old) kernel.release(file);
  kernel.releaseFrames(process);
  process.shell = null;
  process.program = found.program;
  process.argv = found.argv;
  process.env = env;
  process.state = {};
  process.caught = [];
}

export function failStart(context: ExpandContext, code: number, message: string): void {
  write(context.kernel, context.process, 2, `${context.shell.name}: ${message}\n`);
  exit(context.kernel, context.process, code);
}
