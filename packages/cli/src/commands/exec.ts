import type { Command } from "commander";
import { clientFor, type CommonOptions, keyValues, newCommand, wholeNumber } from "../command.ts";
import { execute } from "../execution.ts";
import { ExitCode, UsageError } from "../failure.ts";
import { printJson, printLine } from "../output.ts";
import { toShell } from "../shell-words.ts";

export interface ExecOptions extends CommonOptions {
  interactive?: boolean;
  tty?: boolean;
  detach?: boolean;
  cwd?: string;
  user?: string;
  env?: Record<string, string>;
  timeout?: number;
}

export function execCommand(): Command {
  const command = newCommand({
    name: "exec",
    summary: "run a command; exits as it does",
    example: "pandastack exec 4f9k2m7x1q8w3e5r6t0y --timeout 60 -- npm test",
    more: "Signals are passed on. Where this program is killed, the command goes on (`pandastack ps` shows it), unless it has a terminal.",
  })
    .argument("<id>", "sandbox")
    .argument("<command...>", "one word is a shell line; several are a program and its arguments. Put -- before it")
    .option("-d, --detach", "start it in the background and print its id");
  return withExecutionOptions(command).action(async (id: string, words: string[], options: ExecOptions) => {
    const sandbox = await clientFor(options).sandboxes.get(id);
    if (!options.detach) {
      process.exitCode = await execute(sandbox, toShell(words), { ...options, keep: true });
      return;
    }
    if (options.tty || options.interactive) throw new UsageError("--detach has neither a terminal nor input");
    const { cwd, user, env, timeout } = options;
    const started = await sandbox.commands.start(toShell(words), {
      ...{ cwd, user, env },
      timeoutMs: (timeout ?? 0) * 1000,
    });
    if (options.json) printJson({ id: started.id, pid: started.pid });
    else printLine(started.id);
  });
}

/** What `exec` and `run` have in common. */
export function withExecutionOptions(command: Command): Command {
  return command
    .option("-i, --interactive", "pass on what comes in on stdin")
    .option("-t, --tty", "give the command a terminal")
    .option("--cwd <folder>", "where it runs")
    .option("-u, --user <name>", "as whom (default root)")
    .option("-e, --env <key=value>", "repeatable", keyValues)
    .option("--timeout <seconds>", `kill it after this long and exit with ${ExitCode.commandTimeout}`, wholeNumber(1));
}
