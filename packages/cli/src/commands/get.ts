import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatFields, printJson, printLine } from "../output.ts";

export function getCommand(): Command {
  return newCommand({ name: "get", summary: "show one sandbox", example: "pandastack get 4f9k2m7x1q8w3e5r6t0y" })
    .argument("<id>", "sandbox")
    .action(async (id: string, options: CommonOptions) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const fields = { ...sandbox.info, ...(await sandbox.lifecycle()) };
      if (options.json) printJson(fields);
      else printLine(formatFields(fields));
    });
}
