import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatTable, printJson, printLine } from "../output.ts";

export function getCommand(): Command {
  return newCommand({ name: "get", summary: "show one sandbox", example: "pandastack get 4f9k2m7x1q8w3e5r6t0y" })
    .argument("<id>", "sandbox")
    .action(async (id: string, options: CommonOptions) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const lifecycle = await sandbox.lifecycle();
      if (options.json) return printJson({ ...sandbox.info, ...lifecycle });
      const rows = Object.entries({ ...sandbox.info, ...lifecycle }).map(([name, value]) => [name, cell(value)]);
      printLine(formatTable(["FIELD", "VALUE"], rows));
    });
}

function cell(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "-");
}
