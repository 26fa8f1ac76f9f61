import { CommandError } from "../errors/errors.ts";

/** A command that has ended. */
export interface CommandResult {
  /** 127: no such command; 128 + n: killed by signal n. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** What a running command says. */
export type CommandEvent =
  | { type: "stdout"; text: string }
  | { type: "stderr"; text: string }
  /** Always the last one. */
  | { type: "exit"; exitCode: number };

/** For those who would rather be called. */
export interface OutputCallbacks {
  /** Pieces of text as they come; characters are never cut in two. */
  onStdout?: ((text: string) => unknown) | undefined;
  onStderr?: ((text: string) => unknown) | undefined;
}

/** Reads a command's events to their end. */
export async function collectResult(
  events: AsyncIterable<CommandEvent>,
  callbacks: OutputCallbacks,
): Promise<CommandResult> {
  const result: CommandResult = { exitCode: -1, stdout: "", stderr: "" };
  for await (const event of events) {
    if (event.type === "exit") {
      result.exitCode = event.exitCode;
    } else {
      result[event.type] += event.text;
      await (event.type === "stdout" ? callbacks.onStdout : callbacks.onStderr)?.(event.text);
    }
  }
  return result;
}

export function checkResult(command: string, result: CommandResult, check: boolean | undefined): CommandResult {
  if (check === true && result.exitCode !== 0) throw new CommandError(command, result);
  return result;
}
