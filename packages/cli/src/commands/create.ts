import type { Command } from "commander";
import { clientFor, type CommonOptions, keyValues, newCommand, wholeNumber } from "../command.ts";
import { printJson, printLine } from "../output.ts";

interface Options extends CommonOptions {
  template?: string;
  snapshot?: string;
  runtime?: string;
  ttl?: number;
  persistent?: boolean;
  metadata?: Record<string, string>;
  env?: Record<string, string>;
}

export function createCommand(): Command {
  return newCommand({
    name: "create",
    summary: "create a sandbox and print its id",
    example: "pandastack create --ttl 600 --metadata task=build",
  })
    .option("-t, --template <name>", "what it starts from (default: the server's, base)")
    .option("--snapshot <id>", "start from a snapshot instead")
    .option("--runtime <name>", "auto, microvm")
    .option("--ttl <seconds>", "remove it after this long without use; 0: never", wholeNumber(0))
    .option("--persistent", "never remove it for being idle")
    .option("--metadata <key=value>", "repeatable", keyValues)
    .option("-e, --env <key=value>", "environment of every command; repeatable", keyValues)
    .action(async (options: Options) => {
      const sandbox = await clientFor(options).sandboxes.create({
        template: options.template,
        fromSnapshot: options.snapshot,
        runtime: options.runtime,
        ttlSeconds: options.ttl,
        persistent: options.persistent,
        metadata: options.metadata,
        env: options.env,
      });
      if (options.json) printJson(sandbox.info);
      else printLine(sandbox.id);
    });
}
