import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatTable, printJson, printLine } from "../output.ts";

export function portsCommand(): Command {
  return newCommand({
    name: "ports",
    summary: "list what listens in a sandbox",
    example: "pandastack ports 4f9k2m7x1q8w3e5r6t0y",
  })
    .argument("<id>", "sandbox")
    .action(async (id: string, options: CommonOptions) => {
      const ports = await (await clientFor(options).sandboxes.get(id)).ports.list().toArray();
      if (options.json) return printJson(ports);
      const rows = ports.map((port) => [String(port.port), port.process ?? "-", port.label ?? "-"]);
      printLine(formatTable(["PORT", "PROCESS", "LABEL"], rows));
    });
}
