import type { Command, Terminal } from "@pandastack/sdk";
import { writeAll } from "./output.ts";

const END_OF_TRANSMISSION = "\u0004";
/** A shell that is only starting takes the terminal over from the kernel, and what was typed before then is no end to it. */
const END_AGAIN_MS = 500;
const FORWARDED_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

export function terminalSize(): { rows: number; cols: number } {
  return { rows: process.stdout.rows || 24, cols: process.stdout.columns || 80 };
}

/** Joins this terminal and one in a sandbox until the program there ends; its exit code. */
export async function joinTerminal(remote: Terminal): Promise<number> {
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
  // Input from a pipe ends: the shell inside learns it as from a keyboard, where somebody presses Ctrl-D until it ends.
  const sayEnd = () => remote.write(END_OF_TRANSMISSION);
  let again: ReturnType<typeof setInterval> | undefined;
  const forwarding = forwardInput(
    (chunk) => remote.write(chunk),
    () => {
      again = setInterval(() => void sayEnd().catch(() => undefined), END_AGAIN_MS);
      return sayEnd();
    },
  );
  try {
    for await (const data of remote.output) await writeAll(stdout, data);
    return (await remote.exited).exitCode;
  } finally {
    clearInterval(again);
    forwarding.stop();
    if (stdin.isTTY) stdin.setRawMode(false);
    stdout.off("resize", resize);
    process.off("SIGHUP", hangUp).off("SIGTERM", hangUp);
  }
}

/** Joins this program's streams and a command's in a sandbox, byte for byte; its exit code. Ctrl-C here is Ctrl-C there. */
export async function joinStreams(remote: Command, options: { stdin: boolean }): Promise<number> {
  const signals = FORWARDED_SIGNALS.map((name) => ({
    name,
    // One that has ended meanwhile needs none.
    forward: () => void remote.signal(name).catch(() => undefined),
  }));
  for (const { name, forward } of signals) process.on(name, forward);
  const forwarding = options.stdin
    ? forwardInput(
        (chunk) => remote.write(chunk),
        () => remote.closeStdin(),
      )
    : undefined;
  try {
    for await (const { type, data } of remote.output()) await writeAll(process[type], data);
    return (await remote.exit()).exitCode;
  } finally {
    forwarding?.stop();
    for (const { name, forward } of signals) process.off(name, forward);
  }
}

/** Sends stdin on, no faster than it is taken. */
function forwardInput(write: (chunk: Buffer) => Promise<unknown>, atEnd: () => Promise<unknown>): { stop(): void } {
  const { stdin } = process;
  // A connection that breaks is told by whoever reads the output.
  const forward = (chunk: Buffer) => {
    stdin.pause();
    void write(chunk).then(
      () => stdin.resume(),
      () => undefined,
    );
  };
  const end = () => void atEnd().catch(() => undefined);
  stdin.on("data", forward).once("end", end);
  return {
    stop: () => {
      stdin.off("data", forward).off("end", end);
      // A terminal kept open would keep this process alive.
      stdin.destroy();
    },
  };
}
