import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatFields, printJson, printLine } from "../output.ts";

export function persistCommand(): Command {
  return newCommand({
    name: "persist",
    summary: "keep a sandbox for good: never removed for being idle, and its disk outlives its machine",
    example: "pandastack persist 4f9k2m7x1q8w3e5r6t0y",
  })
    .argument("<id>", "sandbox")
    .option("--off", "let its TTL count again")
    .action(async (id: string, options: CommonOptions & { off?: boolean }) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const lifecycle = await sandbox.setLifecycle({ persistent: options.off !== true });
      if (options.json) printJson(lifecycle);
      else printLine(formatFields(lifecycle));
    });
}
