import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { printJsonLine } from "../output.ts";
import { joinStreams, joinTerminal } from "../terminal.ts";

export function attachCommand(): Command {
  return newCommand({
    name: "attach",
    summary: "join a running command or terminal: its last output, then what it writes; exits as it does",
    example: "pandastack attach 4f9k2m7x1q8w3e5r6t0y $(pandastack exec -d 4f9k2m7x1q8w3e5r6t0y -- make)",
  })
    .argument("<id>", "sandbox")
    .argument("<command>", "its id or pid, as `ps` shows it")
    .option("-i, --interactive", "pass on what comes in on stdin")
    .action(async (id: string, commandId: string, options: CommonOptions & { interactive?: boolean }) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const isTerminal = (await sandbox.pty.list().toArray()).some((each) =>
        [each.id, String(each.pid)].includes(commandId),
      );
      if (isTerminal && !options.json) {
        process.exitCode = await joinTerminal(await sandbox.pty.connect(commandId));
        return;
      }
      const command = await sandbox.commands.connect(commandId);
      if (!options.json) {
        process.exitCode = await joinStreams(command, { stdin: options.interactive ?? false });
        return;
      }
      const text = { stdout: new TextDecoder(), stderr: new TextDecoder() };
      for await (const { type, data } of command.output())
        await printJsonLine({ type, text: text[type].decode(data, { stream: true }) });
      const { exitCode, signal } = await command.exit();
      await printJsonLine({ type: "exit", exit_code: exitCode, signal });
      process.exitCode = exitCode;
    });
}
