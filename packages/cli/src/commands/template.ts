import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, newGroup } from "../command.ts";
import { formatFields, formatTable, printJson, printLine } from "../output.ts";

export function templateGroup(): Command {
  return newGroup("template", "what sandboxes can start from", [listCommand(), getCommand()]);
}

function listCommand(): Command {
  return newCommand({ name: "list", summary: "list templates", example: "pandastack template list" })
    .alias("ls")
    .action(async (options: CommonOptions) => {
      const templates = await clientFor(options).templates.list().toArray();
      if (options.json) return printJson(templates);
      const rows = templates.map((template) => [
        template.name,
        String(template.cpu),
        `${template.memory_mb} MB`,
        template.status,
        template.aliases.join(", ") || "-",
      ]);
      printLine(formatTable(["NAME", "CPU", "MEMORY", "STATUS", "ALIASES"], rows));
    });
}

function getCommand(): Command {
  return newCommand({ name: "get", summary: "show one template", example: "pandastack template get base" })
    .argument("<name>", "its name or an alias")
    .action(async (name: string, options: CommonOptions) => {
      const template = await clientFor(options).templates.get(name);
      if (options.json) printJson(template);
      else printLine(formatFields(template));
    });
}
