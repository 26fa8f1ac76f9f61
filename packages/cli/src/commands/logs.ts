import type { LogOptions } from "@pandastack/sdk";
import { type Command, Option } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { printJsonLine, writeAll } from "../output.ts";

interface Options extends CommonOptions, Pick<LogOptions, "follow" | "tail" | "stream"> {}

export function logsCommand(): Command {
  return newCommand({
    name: "logs",
    summary: "print a sandbox's console and output",
    example: "pandastack logs -f 4f9k2m7x1q8w3e5r6t0y",
  })
    .argument("<id>", "sandbox")
    .option("-f, --follow", "go on until it ends")
    .option("-n, --tail <number>", "only the last so many lines", wholeNumber(0, 100_000))
    .addOption(new Option("--stream <name>", "only what came by this one").choices(["stdout", "stderr", "both"]))
    .action(async (id: string, options: Options) => {
      const { follow, tail, stream } = options;
      const sandbox = await clientFor(options).sandboxes.get(id);
      for await (const line of sandbox.logs({ follow, tail, stream })) {
        if (options.json) await printJsonLine({ line });
        else await writeAll(process.stdout, `${line}\n`);
      }
    });
}
