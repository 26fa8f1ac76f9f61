import type { Process } from "@pandastack/sdk";
import { writeAll } from "./output.ts";

const END_OF_TRANSMISSION = "\u0004";

export function terminalSize(): { rows: number; cols: number } {
  return { rows: process.stdout.rows || 24, cols: process.stdout.columns || 80 };
}

/** Joins this terminal and one in a sandbox until the program there ends; its exit code. */
export async function joinTerminal(remote: Process): Promise<number> {
  const { stdin, stdout } = process;
  const resize = () => {
    const { rows, cols } = terminalSize();
    remote.resize(rows, cols);
  };
  // The window is closed: the shell inside learns it as on any machine.
  const hangUp = () => remote.signal("SIGHUP");
  if (stdin.isTTY) stdin.setRawMode(true);
  stdout.on("resize", resize);
  process.on("SIGHUP", hangUp).on("SIGTERM", hangUp);
  try {
    // Input from a pipe ends: the shell inside learns it as from a keyboard.
    const forwarding = forwardInput(remote, () => remote.write(END_OF_TRANSMISSION));
    for await (const { data } of remote.output) await writeAll(stdout, data);
    forwarding.stop();
    return (await remote.exited).exitCode;
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false);
    stdout.off("resize", resize);
    process.off("SIGHUP", hangUp).off("SIGTERM", hangUp);
  }
}

/** Joins this program's streams and a command's in a sandbox, byte for byte; its exit code. Ctrl-C here is Ctrl-C there. */
export async function joinStreams(remote: Process, options: { stdin: boolean }): Promise<number> {
  const signals = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((name) => ({
    name,
    forward: () => remote.signal(name),
  }));
  for (const { name, forward } of signals) process.on(name, forward);
  const forwarding = options.stdin ? forwardInput(remote, () => remote.endInput()) : undefined;
  try {
    for await (const { type, data } of remote.output) await writeAll(process[type], data);
    return (await remote.exited).exitCode;
  } finally {
    forwarding?.stop();
    for (const { name, forward } of signals) process.off(name, forward);
  }
}

/** Sends stdin on, no faster than it is taken. */
function forwardInput(remote: Process, atEnd: () => unknown): { stop(): void } {
  const { stdin } = process;
  const forward = (chunk: Buffer) => {
    stdin.pause();
    void remote.write(chunk).then(() => stdin.resume());
  };
  stdin.on("data", forward).once("end", atEnd);
  return {
    stop: () => {
      stdin.off("data", forward).off("end", atEnd);
      // A terminal kept open would keep this process alive.
      stdin.destroy();
    },
  };
}
