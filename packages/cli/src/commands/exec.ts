import { type CommandOptions, type Sandbox, TimeoutError } from "@pandastack/sdk";
import type { Command } from "commander";
import { clientFor, type CommonOptions, keyValues, newCommand, wholeNumber } from "../command.ts";
import { printJson } from "../output.ts";
import { joinStreams, joinTerminal, terminalSize } from "../terminal.ts";

interface Options extends CommonOptions {
  interactive?: boolean;
  tty?: boolean;
  cwd?: string;
  user?: string;
  env?: Record<string, string>;
  timeout?: number;
}

/** What `timeout(1)` exits with when time is up. */
const TIMED_OUT_EXIT_CODE = 124;

export function execCommand(): Command {
  return newCommand({
    name: "exec",
    summary: "run a command; exits as it does",
    example: "pandastack exec 4f9k2m7x1q8w3e5r6t0y --timeout 60 -- npm test",
  })
    .argument("<id>", "sandbox")
    .argument("<command...>", "one word is a shell line; several are a program and its arguments. Put -- before it")
    .option("-i, --interactive", "pass on what comes in on stdin")
    .option("-t, --tty", "give the command a terminal")
    .option("--cwd <folder>", "where it runs")
    .option("-u, --user <name>", "as whom (default root)")
    .option("-e, --env <key=value>", "repeatable", keyValues)
    .option("--timeout <seconds>", `kill it after this long and exit with ${TIMED_OUT_EXIT_CODE}`, wholeNumber(1))
    .action(async (id: string, words: string[], options: Options) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      try {
        process.exitCode = await run(sandbox, toShell(words), options);
      } catch (error) {
        if (!(error instanceof TimeoutError) || error.code !== "exec.timeout") throw error;
        process.stderr.write(`error: ${error.message}\n`);
        process.exitCode = TIMED_OUT_EXIT_CODE;
      }
    });
}

async function run(sandbox: Sandbox, command: string, options: Options): Promise<number> {
  const how: CommandOptions = {
    cwd: options.cwd,
    user: options.user,
    env: options.env,
    timeoutMs: (options.timeout ?? 0) * 1000,
  };
  if (options.tty) return joinTerminal(await sandbox.pty.open({ ...how, ...terminalSize(), command }));
  if (!options.json) {
    const stdin = options.interactive ?? false;
    return joinStreams(await sandbox.processes.open(command, { ...how, stdin }), { stdin });
  }
  const { exitCode, stdout, stderr } = await sandbox.commands.run(command, how);
  printJson({ exit_code: exitCode, stdout, stderr });
  return exitCode;
}

/** Words as typed reach the program as they are; a single one is a line for the shell. */
export function toShell(words: string[]): string {
  const [only] = words;
  return words.length === 1 && only !== undefined ? only : words.map(quote).join(" ");
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
