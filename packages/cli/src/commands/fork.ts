import type { Command } from "commander";
import { clientFor, type CommonOptions, keyValues, newCommand, wholeNumber } from "../command.ts";
import { printJson, printLine } from "../output.ts";

const MOST_CHILDREN = 16;

interface Options extends CommonOptions {
  count?: number;
  metadata?: Record<string, string>;
}

export function forkCommand(): Command {
  return newCommand({
    name: "fork",
    summary: "fork a sandbox, memory and disk, and print the children's ids",
    example: "pandastack fork 4f9k2m7x1q8w3e5r6t0y -n 3",
  })
    .argument("<id>", "sandbox")
    .option(
      "-n, --count <number>",
      "children; more than one know each other as siblings",
      wholeNumber(1, MOST_CHILDREN),
      1,
    )
    .option("--metadata <key=value>", "repeatable", keyValues)
    .action(async (id: string, options: Options) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const { count = 1, metadata } = options;
      const children = count === 1 ? [await sandbox.fork({ metadata })] : await sandbox.forkTree({ count, metadata });
      if (options.json) return printJson(children.map((child) => child.info));
      for (const child of children) printLine(child.id);
    });
}
