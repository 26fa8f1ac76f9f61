import { readFileSync } from "node:fs";
import { text as readAll } from "node:stream/consumers";
import { type Execution, type RunCodeOptions, type Sandbox, TimeoutError } from "@pandastack/sdk";
import type { Command } from "commander";
import { clientFor, type CommonOptions, keyValues, newCommand, wholeNumber } from "../command.ts";
import { describeFailure, ExitCode, failureAsJson, UsageError } from "../failure.ts";
import { printJson } from "../output.ts";

interface CodeOptions extends CommonOptions {
  language?: string;
  context?: string;
  file?: string;
  env?: Record<string, string>;
  timeout?: number;
}

export function codeCommand(): Command {
  return newCommand({
    name: "code",
    summary: "run code that keeps its variables for the next time",
    example: "pandastack code 4f9k2m7x1q8w3e5r6t0y 'x = 20; x + 1'",
    more: "Prints what it prints, and the value of the last expression; pictures and tables with --json. Without code it is read from stdin.",
  })
    .argument("<id>", "sandbox")
    .argument("[code]")
    .option("-l, --language <name>", "python (default), javascript, typescript, bash")
    .option("-c, --context <context>", "a context's id; default: the language's own")
    .option("-f, --file <path>", "code from a file here")
    .option("-e, --env <key=value>", "repeatable", keyValues)
    .option(
      "--timeout <seconds>",
      `interrupt it after this long and exit with ${ExitCode.commandTimeout}`,
      wholeNumber(1),
    )
    .action(async (id: string, code: string | undefined, options: CodeOptions) => {
      const given = await codeFrom(code, options.file);
      process.exitCode = await run(await clientFor(options).sandboxes.get(id), given, options);
    });
}

async function codeFrom(code: string | undefined, file: string | undefined): Promise<string> {
  if (code !== undefined && file !== undefined) throw new UsageError("code or --file, not both");
  if (file !== undefined) return readFileSync(file, "utf8");
  return code ?? readAll(process.stdin);
}

/** Exits as the code did; interrupted here, it is there. */
async function run(sandbox: Sandbox, code: string, options: CodeOptions): Promise<number> {
  const { language, context, env, timeout } = options;
  const how: RunCodeOptions = { language, context, env, timeoutMs: (timeout ?? 0) * 1000 };
  try {
    if (options.json) {
      const execution = await sandbox.code.run(code, how);
      printJson(asJson(execution));
      return execution.exitCode;
    }
    const execution = await sandbox.code.run(code, {
      ...how,
      onStdout: (text) => process.stdout.write(text),
      onStderr: (text) => process.stderr.write(text),
      onResult: ({ text }) => process.stdout.write(`${text ?? "(no text; --json has it)"}\n`),
      // A shell says by its exit code alone that its last command failed.
      onError: ({ name, traceback }) => name === "ExitStatus" || process.stderr.write(`${traceback}\n`),
    });
    return execution.exitCode;
  } catch (error) {
    if (!(error instanceof TimeoutError) || error.code !== "exec.timeout") throw error;
    process.stderr.write(`${options.json ? JSON.stringify(failureAsJson(error)) : describeFailure(error)}\n`);
    return ExitCode.commandTimeout;
  }
}

const asJson = ({ results, stdout, stderr, error, ...rest }: Execution) => ({
  ...{ results, stdout, stderr, error },
  exit_code: rest.exitCode,
  execution_count: rest.executionCount,
  context_id: rest.contextId,
  duration_ms: rest.durationMs,
});
