import { CommanderError } from "commander";
import { describeFailure, exitCodeOf, failureAsJson, isInterrupt } from "./failure.ts";
import { buildProgram } from "./program.ts";

/** Runs a command line, without the program's own name. What failed is said on stderr, and is the process's exit code. */
export async function runProgram(words: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync(words, { from: "user" });
  } catch (error) {
    // What commander has to say it has said.
    if (!(error instanceof CommanderError) && !isInterrupt(error)) {
      const end = words.indexOf("--");
      const isJson = (end === -1 ? words : words.slice(0, end)).includes("--json");
      process.stderr.write(isJson ? `${JSON.stringify(failureAsJson(error))}\n` : `${describeFailure(error)}\n`);
    }
    process.exitCode = exitCodeOf(error);
  }
}
