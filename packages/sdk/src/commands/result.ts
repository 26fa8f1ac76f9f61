import { CommandError } from "../errors/errors.ts";

/** A command that has ended. */
export interface CommandResult {
  /** 127: no such command; 128 + n: killed by signal n. */
  exitCode: number;
  stdout: string;
  stderr: string;
  /** There was more output than is kept; absent where there was not. Callbacks and streams get all of it. */
  isTruncated?: true;
}

/**
 * What is kept of each stream: as much as the server keeps of a command that it answers whole. A command that never stops
 * talking must not take this program's memory.
 */
export const OUTPUT_LIMIT_CHARACTERS = 16 * 1024 * 1024;

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
  limitCharacters: number = OUTPUT_LIMIT_CHARACTERS,
): Promise<CommandResult> {
  const result: CommandResult = { exitCode: -1, stdout: "", stderr: "" };
  for await (const event of events) {
    if (event.type === "exit") {
      result.exitCode = event.exitCode;
    } else {
      const room = limitCharacters - result[event.type].length;
      if (event.text.length > room) result.isTruncated = true;
      if (room > 0) result[event.type] += event.text.slice(0, room);
      await (event.type === "stdout" ? callbacks.onStdout : callbacks.onStderr)?.(event.text);
    }
  }
  return result;
}

export function checkResult(command: string, result: CommandResult, check: boolean | undefined): CommandResult {
  if (check === true && result.exitCode !== 0) throw new CommandError(command, result);
  return result;
}
