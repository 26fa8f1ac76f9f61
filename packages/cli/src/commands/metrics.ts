import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatFields, printJson, printLine } from "../output.ts";

export function metricsCommand(): Command {
  return newCommand({
    name: "metrics",
    summary: "show what a sandbox uses",
    example: "pandastack metrics 4f9k2m7x1q8w3e5r6t0y --json",
  })
    .argument("<id>", "sandbox")
    .action(async (id: string, options: CommonOptions) => {
      const metrics = await (await clientFor(options).sandboxes.get(id)).metrics();
      if (options.json) return printJson(metrics);
      const { guest, ...host } = metrics;
      printLine(formatFields({ ...host, ...guest }));
    });
}
