import { type CommandOptions, PandaStackError, type Sandbox, TimeoutError } from "@pandastack/sdk";
import { describeFailure, ExitCode, failureAsJson } from "./failure.ts";
import { printJson } from "./output.ts";
import { joinStreams, joinTerminal, terminalSize } from "./terminal.ts";

export interface ExecutionOptions {
  json?: boolean;
  interactive?: boolean;
  tty?: boolean;
  cwd?: string;
  user?: string;
  env?: Record<string, string>;
  /** Seconds. */
  timeout?: number;
  /** Whether the command goes on when this program is killed. */
  keep: boolean;
}

/** Runs a command as if it ran here: input, output, signals, exit code. */
export async function execute(sandbox: Sandbox, command: string, options: ExecutionOptions): Promise<number> {
  try {
    return await join(sandbox, command, options);
  } catch (error) {
    if (!(error instanceof PandaStackError)) throw error;
    process.stderr.write(`${options.json ? JSON.stringify(failureAsJson(error)) : describeFailure(error)}\n`);
    return error instanceof TimeoutError && error.code === "exec.timeout" ? ExitCode.commandTimeout : ExitCode.notRun;
  }
}

async function join(sandbox: Sandbox, command: string, options: ExecutionOptions): Promise<number> {
  const { cwd, user, env, keep, interactive: stdin = false } = options;
  const how: CommandOptions & { keep: boolean } = { cwd, user, env, keep, timeoutMs: (options.timeout ?? 0) * 1000 };
  if (options.tty) return joinTerminal(await sandbox.pty.create({ ...how, ...terminalSize(), command, keep: false }));
  if (!options.json)
    return joinStreams(await sandbox.commands.start(command, { ...how, stdin, attach: true }), { stdin });
  const result = await sandbox.commands.run(command, { ...how, ...(stdin ? { stdin: process.stdin } : {}) });
  const { exitCode, stdout, stderr, isTruncated } = result;
  printJson({ exit_code: exitCode, stdout, stderr, truncated: isTruncated });
  return exitCode;
}
