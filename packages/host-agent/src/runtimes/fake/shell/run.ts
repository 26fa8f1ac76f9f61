import { read, write } from "../kernel/calls.ts";
import { KernelError } from "../world/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { newOpenFile, newPipe } from "../kernel/pipes.ts";
import type { Process } from "../world/world.ts";
import { reapChildren, spawnSubshell } from "./children.ts";
import { compileScript } from "./compile.ts";
import { FIRST_PRIVATE_FD, inherited, install, redirect } from "./descriptors.ts";
import { expandFields, expandPattern, expandText, ExpansionError, type ExpandContext } from "./expand.ts";
import { checkErrexit, leaveShell, popFrame } from "./frames.ts";
import { nextScript } from "./input.ts";
import { ShellSyntaxError } from "./parse-words.ts";
import { runSimple } from "./simple.ts";
import { newFrame } from "./state.ts";
import type { Code, Instruction } from "./tree.ts";

/** Instructions for each step: a busy loop must leave time for others. */
const INSTRUCTIONS_PER_STEP = 500;

/** Goes on with a shell until it blocks, ends or has had its share. */
export function runShell(kernel: Kernel, process: Process): void {
  const shell = process.shell!;
  reapChildren(kernel, process);
  for (let budget = INSTRUCTIONS_PER_STEP; budget > 0; budget--) {
    if (process.shell !== shell || process.status !== null || process.leaving !== null) return;
    if (process.pending.length > 0 || process.wait !== null) return;
    try {
      advance(kernel, process);
    } catch (error) {
      if (!isForUser(error)) throw error;
      write(kernel, process, 2, `${shell.name}: ${error.message}\n`);
      shell.status = 2;
      if (shell.input?.isInteractive === true) while (shell.frames.length > 0) popFrame(kernel, process);
      else leaveShell(kernel, process, error instanceof KernelError ? 1 : 2);
    }
  }
}

function isForUser(error: unknown): error is Error {
  return error instanceof ExpansionError || error instanceof ShellSyntaxError || error instanceof KernelError;
}

function advance(kernel: Kernel, process: Process): void {
  const shell = process.shell!;
  const caught = process.caught.shift();
  if (caught !== undefined) pushTrap(process, shell.traps[caught] ?? "");
  const frame = shell.frames.at(-1);
  if (frame === undefined) {
    const code = nextScript(kernel, process);
    if (code === "blocked") return;
    if (code === "end") return leaveShell(kernel, process, shell.status);
    shell.frames.push(newFrame("script", code));
    return;
  }
  const context: ExpandContext = { kernel, process, shell, frame };
  if (frame.job !== null) return continueJob(context);
  const instruction = frame.code[frame.pc];
  if (instruction === undefined) return popFrame(kernel, process);
  execute(context, instruction);
}

function execute(context: ExpandContext, instruction: Instruction): void {
  const { kernel, process, shell, frame } = context;
  if (instruction.op === "simple") return runSimple(context, instruction.command, instruction.tested);
  frame.pc++;
  switch (instruction.op) {
    case "jump":
      frame.pc = instruction.to;
      return;
    case "jumpIf":
      if ((shell.status === 0) === instruction.success) frame.pc = instruction.to;
      return;
    case "not":
      shell.status = shell.status === 0 ? 1 : 0;
      return;
    case "status":
      shell.status = instruction.value;
      return;
    case "define":
      shell.functions[instruction.name] = instruction.code;
      shell.status = 0;
      return;
    case "forInit":
      frame.loops[instruction.loop] =
        instruction.words === null ? [...shell.args] : expandFields(context, instruction.words);
      shell.status = 0;
      return;
    case "forNext": {
      const next = frame.loops[instruction.loop]?.shift();
      if (next === undefined) frame.pc = instruction.to;
      else shell.vars[instruction.name] = next;
      return;
    }
    case "caseTest": {
      const subject = expandText(context, instruction.subject);
      if (!instruction.patterns.some((pattern) => expandPattern(context, pattern).test(subject)))
        frame.pc = instruction.to;
      else shell.status = 0;
      return;
    }
    case "group": {
      const group = newFrame("group", instruction.code);
      group.savedFds = install(kernel, process, redirect(context, inherited(kernel, process), instruction.redirects));
      group.slots = frame.slots;
      shell.frames.push(group);
      return;
    }
    case "subshell": {
      const child = spawnSubshell(kernel, process, instruction.code);
      frame.job = { kind: "children", pids: [child.pid], tested: instruction.tested };
      return;
    }
    case "background": {
      const files = inherited(kernel, process);
      if (shell.input?.isInteractive !== true) files.delete(0);
      shell.backgroundPid = spawnSubshell(kernel, process, instruction.code, files).pid;
      shell.status = 0;
      return;
    }
    case "pipeline":
      frame.job = {
        kind: "children",
        pids: spawnPipeline(kernel, process, instruction.codes),
        tested: instruction.tested,
      };
      return;
    case "capture": {
      const pipe = newPipe(kernel.world);
      const writer = newOpenFile(kernel.world, { kind: "pipe", pipe: pipe.id, end: "write" });
      const reader = newOpenFile(kernel.world, { kind: "pipe", pipe: pipe.id, end: "read" });
      const child = spawnSubshell(kernel, process, instruction.code, inherited(kernel, process).set(1, writer));
      let fd = FIRST_PRIVATE_FD;
      while (process.fds.has(fd)) fd++;
      reader.refs++;
      process.fds.set(fd, reader.id);
      frame.job = { kind: "capture", pid: child.pid, fd, chunks: [], slot: instruction.slot };
    }
  }
}

function spawnPipeline(kernel: Kernel, process: Process, codes: readonly Code[]): number[] {
  const pids: number[] = [];
  let input = inherited(kernel, process).get(0);
  for (const [index, code] of codes.entries()) {
    const files = inherited(kernel, process);
    if (input === undefined) files.delete(0);
    else files.set(0, input);
    if (index < codes.length - 1) {
      const pipe = newPipe(kernel.world);
      files.set(1, newOpenFile(kernel.world, { kind: "pipe", pipe: pipe.id, end: "write" }));
      input = newOpenFile(kernel.world, { kind: "pipe", pipe: pipe.id, end: "read" });
    }
    pids.push(spawnSubshell(kernel, process, code, files).pid);
  }
  return pids;
}

function continueJob({ kernel, process, shell, frame }: ExpandContext): void {
  const job = frame.job!;
  if (job.kind === "capture") {
    for (;;) {
      const data = read(kernel, process, job.fd);
      if (data === "blocked") {
        process.wait = { readable: job.fd };
        return;
      }
      if (data === "eof") break;
      job.chunks.push(data);
    }
  }
  const pids = job.kind === "capture" ? [job.pid] : job.pids;
  if (pids.some((pid) => shell.statuses[pid] === undefined && kernel.process(pid) !== undefined)) {
    process.wait = { child: true };
    return;
  }
  shell.status = job.kind === "wait" && job.isForAll ? 0 : (shell.statuses[pids.at(-1)!] ?? 127);
  for (const pid of pids) delete shell.statuses[pid];
  frame.job = null;
  if (job.kind === "capture") {
    kernel.close(process, job.fd);
    frame.slots[job.slot] = Buffer.concat(job.chunks).toString().replaceAll("\0", "").replace(/\n+$/, "");
  } else if (job.kind === "children") checkErrexit(kernel, process, job.tested);
}

function pushTrap(process: Process, command: string): void {
  const shell = process.shell!;
  const frame = newFrame("trap", compileScript(command));
  frame.savedStatus = shell.status;
  shell.frames.push(frame);
}
