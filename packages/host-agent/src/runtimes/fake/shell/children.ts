import type { Kernel } from "../kernel/kernel.ts";
import { spawn } from "../kernel/spawn.ts";
import type { OpenFile, Process } from "../world/world.ts";
import { inherited } from "./descriptors.ts";
import { newFrame, type ShellState } from "./state.ts";
import type { Code } from "./tree.ts";

export function exportedEnv(shell: ShellState): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of shell.exported) if (shell.vars[name] !== undefined) env[name] = shell.vars[name];
  return env;
}

/** A copy of this shell that runs `code` and ends. */
export function spawnSubshell(
  kernel: Kernel,
  process: Process,
  code: Code,
  files: Map<number, OpenFile> = inherited(kernel, process),
): Process {
  const shell = process.shell!;
  const child = spawn(kernel, {
    ppid: process.pid,
    group: process,
    who: process,
    argv: process.argv,
    env: process.env,
    cwd: process.cwd,
    umask: process.umask,
    fds: files,
    program: "sh",
    ignored: shell.input?.isInteractive === true ? [] : process.ignored,
  });
  child.shell = {
    ...shell,
    vars: { ...shell.vars },
    exported: [...shell.exported],
    functions: { ...shell.functions },
    args: [...shell.args],
    frames: [newFrame("script", code)],
    statuses: {},
    traps: {},
    input: null,
  };
  return child;
}

/** Takes the statuses of children that have ended, so that no zombie is seen twice. */
export function reapChildren(kernel: Kernel, process: Process): void {
  for (const child of kernel.world.processes.values()) {
    if (child.ppid !== process.pid || child.status === null) continue;
    process.shell!.statuses[child.pid] = child.status.code;
    kernel.world.processes.delete(child.pid);
  }
}
