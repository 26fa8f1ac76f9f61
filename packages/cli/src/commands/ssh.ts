import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { UsageError } from "../failure.ts";
import { joinTerminal, terminalSize } from "../terminal.ts";

interface Options extends CommonOptions {
  user?: string;
  cwd?: string;
  keep?: boolean;
}

export function sshCommand(): Command {
  return newCommand({
    name: "ssh",
    summary: "open a shell in a sandbox",
    example: "pandastack ssh 4f9k2m7x1q8w3e5r6t0y",
    more: "When this program ends, however it ends, the shell is hung up; with --keep it goes on, and `attach` joins it again.",
  })
    .alias("shell")
    .argument("<id>", "sandbox")
    .option("-u, --user <name>", "as whom (default root)")
    .option("--cwd <folder>", "where it starts")
    .option("--keep", "leave the shell running when the connection is lost, and print its id on stderr")
    .action(async (id: string, options: Options) => {
      if (options.json) throw new UsageError("a shell has no JSON: use exec --json");
      const sandbox = await clientFor(options).sandboxes.get(id);
      const { user, cwd, keep = false } = options;
      const terminal = await sandbox.pty.create({ ...terminalSize(), user, cwd, keep });
      if (keep) process.stderr.write(`terminal: ${terminal.id}\n`);
      process.exitCode = await joinTerminal(terminal);
    });
}
