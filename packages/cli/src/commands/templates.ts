import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatTable, printJson, printLine } from "../output.ts";

export function templatesCommand(): Command {
  return newCommand({
    name: "templates",
    summary: "list what a sandbox can start from",
    example: "pandastack templates",
  }).action(async (options: CommonOptions) => {
    const templates = await clientFor(options).templates();
    if (options.json) return printJson(templates);
    const rows = templates.map((template) => [
      template.name,
      String(template.cpu ?? "-"),
      `${template.memory_mb ?? "-"} MB`,
      template.status,
    ]);
    printLine(formatTable(["NAME", "CPU", "MEMORY", "STATUS"], rows));
  });
}
