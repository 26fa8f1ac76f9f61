import { write } from "../kernel/calls.ts";
import { KernelError } from "../world/errors.ts";
import { findExecutable, spawn } from "../kernel/spawn.ts";
import type { OpenFile } from "../world/world.ts";
import { become } from "./become.ts";
import { builtins } from "./builtins.ts";
import { exportedEnv } from "./children.ts";
import { inherited, install, redirect, restore } from "./descriptors.ts";
import { expandFields, expandText, type ExpandContext } from "./expand.ts";
import { checkErrexit } from "./frames.ts";
import { newFrame } from "./state.ts";
import type { Code, SimpleCommand } from "./tree.ts";

/** Assignments, redirections, then a function, a builtin or a program. */
export function runSimple(context: ExpandContext, command: SimpleCommand, tested: boolean): void {
  const { kernel, process, shell, frame } = context;
  const words = expandFields(context, command.words);
  const assigns = command.assigns.map(({ name, word }) => ({ name, value: expandText(context, word) }));
  if (shell.xtrace && words.length > 0) write(kernel, process, 2, `+ ${words.join(" ")}\n`);
  let files: Map<number, OpenFile>;
  try {
    files = redirect(context, inherited(kernel, process), command.redirects);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    write(kernel, process, 2, `${shell.name}: cannot open ${error.message}\n`);
    frame.pc++;
    shell.status = 2;
    return checkErrexit(kernel, process, tested);
  }
  const [name, ...args] = words;
  if (name === undefined) {
    for (const { name: variable, value } of assigns) shell.vars[variable] = value;
    if (
      !command.words
        .concat(command.assigns.map((assign) => assign.word))
        .some((word) => word.some((part) => part.t === "command"))
    ) {
      shell.status = 0;
    }
    if (command.redirects.length > 0) restore(kernel, process, install(kernel, process, files));
    frame.pc++;
    return checkErrexit(kernel, process, tested);
  }
  const code = shell.functions[name];
  if (code !== undefined)
    return callFunction(context, code, args, assigns, command.redirects.length > 0 ? files : undefined);
  if (builtins[name] !== undefined)
    return runBuiltin(context, name, args, assigns, files, command.redirects.length > 0, tested);
  runProgram(context, words, assigns, files, tested);
}

function callFunction(
  { kernel, process, shell, frame }: ExpandContext,
  code: Code,
  args: string[],
  assigns: { name: string; value: string }[],
  files: Map<number, OpenFile> | undefined,
): void {
  frame.pc++;
  const call = newFrame("function", code);
  call.savedArgs = shell.args;
  for (const { name, value } of assigns) {
    call.savedVars[name] = shell.vars[name] ?? null;
    shell.vars[name] = value;
  }
  if (files !== undefined) call.savedFds = install(kernel, process, files);
  shell.args = args;
  shell.status = 0;
  shell.frames.push(call);
}

function runBuiltin(
  context: ExpandContext,
  name: string,
  args: string[],
  assigns: { name: string; value: string }[],
  files: Map<number, OpenFile>,
  isRedirected: boolean,
  tested: boolean,
): void {
  const { kernel, process, shell, frame } = context;
  const before = assigns.map((assign) => [assign.name, shell.vars[assign.name]] as const);
  for (const assign of assigns) shell.vars[assign.name] = assign.value;
  const saved = isRedirected ? install(kernel, process, files) : [];
  let status: number | "again" | "done";
  try {
    status = builtins[name]!(context, args);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    write(kernel, process, 2, `${shell.name}: ${name}: ${error.message}\n`);
    status = 1;
  }
  if (isRedirected) {
    // `exec > file` keeps its redirections; a shell that ended or became something else has no use for the old ones.
    const isGone = process.status !== null || process.shell !== shell || (name === "exec" && status === 0);
    if (isGone) for (const [, id] of saved) kernel.release(kernel.world.files.get(id)!);
    else restore(kernel, process, saved);
  }
  for (const [variable, value] of before) {
    if (value === undefined) delete shell.vars[variable];
    else shell.vars[variable] = value;
  }
  if (status === "again" || status === "done") return;
  frame.pc++;
  shell.status = status;
  checkErrexit(kernel, process, tested);
}

/** True when nothing of this shell is needed any more after the command: it may become the command. */
function isLast({ shell, frame }: ExpandContext): boolean {
  return (
    shell.frames.length === 1 &&
    frame.pc === frame.code.length - 1 &&
    shell.input === null &&
    Object.keys(shell.traps).length === 0
  );
}

function runProgram(
  context: ExpandContext,
  words: string[],
  assigns: { name: string; value: string }[],
  files: Map<number, OpenFile>,
  tested: boolean,
): void {
  const { kernel, process, shell, frame } = context;
  const env = exportedEnv(shell);
  for (const { name, value } of assigns) env[name] = value;
  const found = findExecutable(kernel.world, words, {
    path: env["PATH"] ?? "/usr/bin",
    cwd: process.cwd,
    who: process,
  });
  if ("code" in found) {
    const saved = install(kernel, process, files);
    write(kernel, process, 2, `${shell.name}: ${found.message}\n`);
    restore(kernel, process, saved);
    frame.pc++;
    shell.status = found.code;
    return checkErrexit(kernel, process, tested);
  }
  if (isLast(context)) return become(context, found, env, files);
  frame.pc++;
  const isInteractive = shell.input?.isInteractive === true;
  const child = spawn(kernel, {
    ppid: process.pid,
    group: process,
    who: process,
    argv: found.argv,
    env,
    cwd: process.cwd,
    umask: process.umask,
    fds: files,
    program: found.program,
    ignored: isInteractive ? [] : process.ignored,
  });
  frame.job = { kind: "children", pids: [child.pid], tested };
}
