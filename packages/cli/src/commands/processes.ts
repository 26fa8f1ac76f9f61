import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatAge, formatFields, formatTable, printJson, printLine } from "../output.ts";

export function psCommand(): Command {
  return newCommand({
    name: "ps",
    summary: "list commands that were started through the API, or show one",
    example: "pandastack ps 4f9k2m7x1q8w3e5r6t0y",
  })
    .argument("<id>", "sandbox")
    .argument("[command]", "only this one: its id or pid")
    .action(async (id: string, commandId: string | undefined, options: CommonOptions) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      if (commandId !== undefined) {
        const process = await sandbox.commands.get(commandId);
        return options.json ? printJson(process) : printLine(formatFields({ ...process }));
      }
      const processes = await sandbox.commands.list().toArray();
      if (options.json) return printJson(processes);
      const rows = processes.map((process) => [
        process.id,
        String(process.pid),
        process.running ? "running" : `exit ${process.exit_code}`,
        process.user,
        formatAge(new Date(process.started_at_ms).toISOString()),
        process.tag ?? "-",
        process.shell ?? process.argv?.join(" ") ?? "-",
      ]);
      printLine(formatTable(["ID", "PID", "STATUS", "USER", "AGE", "TAG", "COMMAND"], rows));
    });
}

export function signalCommand(): Command {
  return newCommand({
    name: "signal",
    summary: "send a command and all that it started a signal",
    example: "pandastack signal 4f9k2m7x1q8w3e5r6t0y 2f1c7b90 SIGINT",
  })
    .argument("<id>", "sandbox")
    .argument("<command>", "its id or pid, as `ps` shows it")
    .argument("[signal]", "its name", "SIGTERM")
    .action(async (id: string, command: string, signal: string, options: CommonOptions) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      await sandbox.commands.signal(command, signal);
      if (options.json) printJson({ id: command, signal });
    });
}
