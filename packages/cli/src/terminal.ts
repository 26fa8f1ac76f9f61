import type { Terminal } from "@pandastack/sdk";
import { writeAll } from "./output.ts";

const END_OF_TRANSMISSION = "\u0004";

export function terminalSize(): { rows: number; cols: number } {
  return { rows: process.stdout.rows || 24, cols: process.stdout.columns || 80 };
}

/** Joins this terminal and one in a sandbox until the program there ends; its exit code. */
export async function joinTerminal(terminal: Terminal): Promise<number> {
  const { stdin, stdout } = process;
  const forward = (chunk: Buffer) => terminal.write(chunk);
  // Input from a pipe ends: the shell inside learns it as from a keyboard.
  const finish = () => terminal.write(END_OF_TRANSMISSION);
  const resize = () => {
    const { rows, cols } = terminalSize();
    terminal.resize(rows, cols);
  };
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on("data", forward);
  stdin.once("end", finish);
  stdout.on("resize", resize);
  try {
    for await (const chunk of terminal.output) await writeAll(stdout, chunk);
    return await terminal.exited;
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.off("data", forward).off("end", finish);
    stdin.pause();
    stdout.off("resize", resize);
  }
}
