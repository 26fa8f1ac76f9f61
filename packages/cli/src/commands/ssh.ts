import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { joinTerminal, terminalSize } from "../terminal.ts";

export function sshCommand(): Command {
  return newCommand({
    name: "ssh",
    summary: "open a shell in a sandbox",
    example: "pandastack ssh 4f9k2m7x1q8w3e5r6t0y",
  })
    .argument("<id>", "sandbox")
    .option("-u, --user <name>", "as whom (default root)")
    .action(async (id: string, options: CommonOptions & { user?: string }) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      process.exitCode = await joinTerminal(await sandbox.pty.open({ ...terminalSize(), user: options.user }));
    });
}
