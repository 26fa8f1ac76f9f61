import { runShell } from "./shell/run.ts";
import { programs } from "./executables.ts";
import { exit, write, writeSome } from "./kernel/calls.ts";
import { KernelError } from "./world/errors.ts";
import type { Kernel } from "./kernel/kernel.ts";
import { pipeOf } from "./kernel/pipes.ts";
import type { Process, Wait } from "./world/world.ts";

/** Lets one process do a bounded piece of work. False: it can't do anything now. */
export function stepProcess(kernel: Kernel, process: Process): boolean {
  if (process.isStopped) return false;
  if (process.pending.length > 0 && !flush(kernel, process)) return false;
  if (process.status !== null) return true;
  if (process.pending.length > 0) return true;
  if (process.leaving !== null) {
    kernel.end(process, process.leaving);
    return true;
  }
  if (process.wait !== null) {
    if (process.caught.length === 0 && !isOver(kernel, process, process.wait)) return false;
    process.wait = null;
  }
  try {
    if (process.shell !== null) runShell(kernel, process);
    else programs[process.program]!.step(kernel, process);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    write(kernel, process, 2, `${process.argv[0]}: ${error.message}\n`);
    exit(kernel, process, 1);
  }
  return true;
}

function flush(kernel: Kernel, process: Process): boolean {
  let hasMoved = false;
  while (process.pending.length > 0) {
    const next = process.pending[0]!;
    const file = kernel.world.files.get(next.file)!;
    const taken = writeSome(kernel, process, file, next.data);
    if (process.status !== null) return true;
    if (taken > 0) hasMoved = true;
    if (taken < next.data.length) {
      next.data = next.data.subarray(taken);
      return hasMoved;
    }
    process.pending.shift();
    kernel.release(file);
  }
  return true;
}

function isOver(kernel: Kernel, process: Process, wait: Wait): boolean {
  if (wait.untilMs !== undefined && kernel.monotonicMs() >= wait.untilMs) return true;
  if (wait.readable !== undefined && isReadable(kernel, process, wait.readable)) return true;
  if (wait.accept !== undefined && (kernel.world.listeners.get(wait.accept)?.backlog.length ?? 0) > 0) return true;
  if (wait.child === true) {
    for (const child of kernel.world.processes.values()) {
      if (child.ppid === process.pid && child.status !== null) return true;
    }
  }
  return false;
}

function isReadable(kernel: Kernel, process: Process, fd: number): boolean {
  const file = kernel.world.files.get(process.fds.get(fd) ?? -1);
  if (file === undefined || file.kind === "file") return true;
  if (file.kind === "terminal") {
    const terminal = kernel.world.terminals.get(file.terminal);
    return terminal === undefined || terminal.isHungUp || terminal.ready.length > 0;
  }
  const pipe = pipeOf(kernel.world, file.kind === "pipe" ? file.pipe : file.readPipe);
  return pipe.bytes > 0 || pipe.writers <= 0;
}
