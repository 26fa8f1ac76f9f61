import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { writeAll } from "../output.ts";

export function logsCommand(): Command {
  return newCommand({
    name: "logs",
    summary: "print a sandbox's console and output",
    example: "pandastack logs -f 4f9k2m7x1q8w3e5r6t0y",
  })
    .argument("<id>", "sandbox")
    .option("-f, --follow", "go on until it ends")
    .action(async (id: string, options: CommonOptions & { follow?: boolean }) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      for await (const line of sandbox.logs({ follow: options.follow })) {
        await writeAll(process.stdout, `${options.json ? JSON.stringify({ line }) : line}\n`);
      }
    });
}
