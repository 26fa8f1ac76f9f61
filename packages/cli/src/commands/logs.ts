import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { printJsonLine, writeAll } from "../output.ts";

export function logsCommand(): Command {
  return newCommand({
    name: "logs",
    summary: "print a sandbox's console and output",
    example: "pandastack logs -f 4f9k2m7x1q8w3e5r6t0y",
  })
    .argument("<id>", "sandbox")
    .option("-f, --follow", "go on until it ends")
    .option("-n, --tail <number>", "only the last so many lines", wholeNumber(0, 100_000))
    .action(async (id: string, options: CommonOptions & { follow?: boolean; tail?: number }) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      for await (const line of sandbox.logs({ follow: options.follow, tail: options.tail })) {
        if (options.json) await printJsonLine({ line });
        else await writeAll(process.stdout, `${line}\n`);
      }
    });
}
