import { assign, open, read, write } from "../kernel/calls.ts";
import { KernelError } from "../world/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../world/world.ts";

/** Where a filter stands among its operands; part of `process.state`. */
interface InputState {
  index: number;
  fd: number;
  hasFailed: boolean;
}

/** The next bytes of the operands in order (none: standard input); a file that can't be read is said and skipped. */
export function nextChunk(kernel: Kernel, process: Process, operands: readonly string[]): Buffer | "eof" | "blocked" {
  const state = (process.state["input"] ??= {
    index: 0,
    fd: operands.length === 0 ? 0 : -1,
    hasFailed: false,
  }) as InputState;
  for (;;) {
    if (state.fd < 0) {
      const operand = operands[state.index++];
      if (operand === undefined) return "eof";
      if (operand === "-") state.fd = 0;
      else if (!openNext(kernel, process, operand, state)) continue;
    }
    if (!process.fds.has(state.fd)) return "eof";
    let data: Buffer | "eof" | "blocked";
    try {
      data = read(kernel, process, state.fd);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      write(kernel, process, 2, `${process.argv[0]}: ${operands[state.index - 1] ?? "-"}: ${error.text}\n`);
      state.hasFailed = true;
      data = "eof";
    }
    if (data === "blocked") process.wait = { readable: state.fd };
    if (data !== "eof") return data;
    if (state.fd !== 0) kernel.close(process, state.fd);
    state.fd = -1;
    if (operands.length === 0) return "eof";
  }
}

function openNext(kernel: Kernel, process: Process, path: string, state: InputState): boolean {
  try {
    let fd = 3;
    while (process.fds.has(fd)) fd++;
    assign(kernel, process, fd, open(kernel, process, path, "read"));
    state.fd = fd;
    return true;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    write(kernel, process, 2, `${process.argv[0]}: ${path}: ${error.text}\n`);
    state.hasFailed = true;
    return false;
  }
}

export function inputFailed(process: Process): boolean {
  return (process.state["input"] as InputState | undefined)?.hasFailed === true;
}

/** Everything the operands hold; undefined while it is not all there. */
export function slurp(kernel: Kernel, process: Process, operands: readonly string[]): Buffer | undefined {
  const chunks = (process.state["chunks"] ??= []) as Buffer[];
  for (;;) {
    const chunk = nextChunk(kernel, process, operands);
    if (chunk === "blocked") return undefined;
    if (chunk === "eof") return Buffer.concat(chunks);
    chunks.push(chunk);
  }
}
