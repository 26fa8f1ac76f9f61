import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { formatFields, printJson, printLine } from "../output.ts";

export function ttlCommand(): Command {
  return newCommand({
    name: "ttl",
    summary: "begin a sandbox's idle time anew, and change it where a number is given",
    example: "pandastack ttl 4f9k2m7x1q8w3e5r6t0y 7200",
  })
    .argument("<id>", "sandbox")
    .argument("[seconds]", "after which it is removed when nobody uses it; 0: never", wholeNumber(0))
    .action(async (id: string, seconds: number | undefined, options: CommonOptions) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const lifecycle = seconds === undefined ? await sandbox.keepAlive() : await sandbox.setTtl(seconds);
      if (options.json) printJson(lifecycle);
      else printLine(formatFields(lifecycle));
    });
}
