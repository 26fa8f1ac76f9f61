import { exit } from "../kernel/calls.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../world/world.ts";
import { compileScript } from "./compile.ts";
import { restore } from "./descriptors.ts";
import { newFrame } from "./state.ts";

/** Leaving: a failed command under `set -e`, a function or group, the shell itself. */

export function checkErrexit(kernel: Kernel, process: Process, tested: boolean): void {
  const shell = process.shell;
  if (shell !== null && shell.errexit && shell.status !== 0 && !tested) leaveShell(kernel, process, shell.status);
}

export function popFrame(kernel: Kernel, process: Process): void {
  const shell = process.shell!;
  const frame = shell.frames.pop()!;
  if (frame.savedFds.length > 0) restore(kernel, process, frame.savedFds);
  if (frame.savedArgs !== null) shell.args = frame.savedArgs;
  for (const [name, value] of Object.entries(frame.savedVars)) {
    if (value === null) delete shell.vars[name];
    else shell.vars[name] = value;
  }
  if (frame.kind === "trap") shell.status = frame.savedStatus;
}

/** Ends the shell, after its EXIT trap. */
export function leaveShell(kernel: Kernel, process: Process, code: number): void {
  const shell = process.shell!;
  const trap = shell.traps["EXIT"];
  delete shell.traps["EXIT"];
  shell.status = code;
  if (trap === undefined) return exit(kernel, process, code);
  while (shell.frames.length > 0) popFrame(kernel, process);
  shell.frames = [newFrame("script", [...compileScript(trap), { op: "status", value: code }])];
  shell.input = null;
}
