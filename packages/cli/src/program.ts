import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { attachCommand } from "./commands/attach.ts";
import { auditCommand } from "./commands/audit.ts";
import { backupCommand, restoreCommand } from "./commands/backup.ts";
import { changeCommands } from "./commands/change.ts";
import { codeCommand } from "./commands/code.ts";
import { completionCommand, namesCommand } from "./commands/completion.ts";
import { contextGroup } from "./commands/context.ts";
import { cpCommand } from "./commands/cp.ts";
import { createCommand } from "./commands/create.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { eventsCommand } from "./commands/events.ts";
import { execCommand } from "./commands/exec.ts";
import { filesGroup } from "./commands/files.ts";
import { forkCommand, forkTreeCommand, promoteCommand } from "./commands/fork.ts";
import { getCommand } from "./commands/get.ts";
import { hostGroup } from "./commands/host.ts";
import { idleCommand } from "./commands/idle.ts";
import { listCommand } from "./commands/list.ts";
import { loginCommand, logoutCommand } from "./commands/login.ts";
import { logsCommand } from "./commands/logs.ts";
import { mcpCommand } from "./commands/mcp.ts";
import { metricsCommand } from "./commands/metrics.ts";
import { networkCommand } from "./commands/network.ts";
import { persistCommand } from "./commands/persist.ts";
import { portForwardCommand } from "./commands/port-forward.ts";
import { portsGroup } from "./commands/ports.ts";
import { previewCommand } from "./commands/preview.ts";
import { psCommand, signalCommand } from "./commands/processes.ts";
import { runCommand } from "./commands/run.ts";
import { searchCommand } from "./commands/search.ts";
import { snapshotGroup } from "./commands/snapshot.ts";
import { sshCommand } from "./commands/ssh.ts";
import { templateGroup } from "./commands/template.ts";
import { tokenGroup } from "./commands/token.ts";
import { topCommand } from "./commands/top.ts";
import { ttlCommand } from "./commands/ttl.ts";
import { upgradeCommand } from "./commands/upgrade.ts";
import { volumeGroup } from "./commands/volume.ts";
import { workspaceGroup } from "./commands/workspace.ts";
import { EXIT_CODES_HELP } from "./failure.ts";

/** The whole command line; `pandastack` alone prints its help. */
export function buildProgram(): Command {
  const program = new Command("pandastack")
    .description("Sandboxes: microVMs that are created, forked, hibernated and woken in milliseconds.")
    .version(packageJson.version)
    .showHelpAfterError("(--help says more)")
    // Who called decides what happens: `main` exits, tests look.
    .exitOverride()
    .enablePositionalOptions();
  for (const [heading, commands] of Object.entries(commandsByHeading()))
    for (const command of commands) program.addCommand(inherit(command, program).helpGroup(`${heading}:`));
  program.addCommand(inherit(namesCommand(), program), { hidden: true });
  return program.addHelpText(
    "after",
    `\nExample:\n  $ pandastack exec $(pandastack create) -- uname -a\n\n${EXIT_CODES_HELP}\n\nThe server and the token come from PANDASTACK_API_URL and PANDASTACK_API_KEY, or from the config file that \`npm start\` writes.`,
  );
}

/** In the order of the program's help. */
function commandsByHeading(): Record<string, Command[]> {
  return {
    Sandboxes: [
      createCommand(),
      listCommand(),
      getCommand(),
      ...changeCommands(),
      forkCommand(),
      forkTreeCommand(),
      promoteCommand(),
      ttlCommand(),
      idleCommand(),
      persistCommand(),
    ],
    "Commands and code in them": [
      runCommand(),
      execCommand(),
      sshCommand(),
      codeCommand(),
      contextGroup(),
      psCommand(),
      attachCommand(),
      signalCommand(),
    ],
    Files: [cpCommand(), filesGroup(), searchCommand()],
    Network: [portsGroup(), previewCommand(), portForwardCommand(), networkCommand()],
    "What goes on": [logsCommand(), eventsCommand(), metricsCommand(), topCommand()],
    "What they start from": [templateGroup(), snapshotGroup(), volumeGroup()],
    Access: [loginCommand(), logoutCommand(), tokenGroup(), workspaceGroup(), auditCommand()],
    "This program and the server": [
      mcpCommand(),
      completionCommand(),
      doctorCommand(),
      hostGroup(),
      backupCommand(),
      restoreCommand(),
      upgradeCommand(),
    ],
  };
}

function inherit(command: Command, from: Command): Command {
  command.copyInheritedSettings(from);
  for (const inner of command.commands) inherit(inner, from);
  return command;
}
