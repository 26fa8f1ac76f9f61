import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { changeCommands } from "./commands/change.ts";
import { cpCommand } from "./commands/cp.ts";
import { createCommand } from "./commands/create.ts";
import { execCommand } from "./commands/exec.ts";
import { forkCommand } from "./commands/fork.ts";
import { getCommand } from "./commands/get.ts";
import { listCommand } from "./commands/list.ts";
import { logsCommand } from "./commands/logs.ts";
import { snapshotCommand, snapshotDeleteCommand, snapshotsCommand } from "./commands/snapshot.ts";
import { sshCommand } from "./commands/ssh.ts";
import { templatesCommand } from "./commands/templates.ts";

/** The whole command line; `pandastack` alone prints its help. */
export function buildProgram(): Command {
  const program = new Command("pandastack")
    .description("Sandboxes: microVMs that are created, forked, hibernated and woken in milliseconds.")
    .version(packageJson.version)
    .showHelpAfterError("(--help says more)");
  const commands = [
    createCommand(),
    listCommand(),
    getCommand(),
    execCommand(),
    sshCommand(),
    cpCommand(),
    logsCommand(),
    forkCommand(),
    snapshotCommand(),
    snapshotsCommand(),
    snapshotDeleteCommand(),
    ...changeCommands(),
    templatesCommand(),
  ];
  for (const command of commands) program.addCommand(command.copyInheritedSettings(program));
  return program.addHelpText(
    "after",
    "\nExample:\n  $ pandastack exec $(pandastack create) -- uname -a\n\nThe server and the token come from PANDASTACK_API_URL and PANDASTACK_API_KEY, or from the config file that `npm start` writes.",
  );
}
