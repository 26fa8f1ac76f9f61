import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { printJsonLine, writeAll } from "../output.ts";

interface Options extends CommonOptions {
  follow?: boolean;
  tail?: number;
  since?: number;
}

export function eventsCommand(): Command {
  return newCommand({
    name: "events",
    summary: "print what happened to a sandbox",
    example: "pandastack events -f 4f9k2m7x1q8w3e5r6t0y",
  })
    .argument("<id>", "sandbox")
    .option("-f, --follow", "go on until it is gone")
    .option("-n, --tail <number>", "only the last so many (default 50)", wholeNumber(0, 512))
    .option("--since <event>", "only those after this one's id", wholeNumber(0))
    .action(async (id: string, { follow, tail, since, ...options }: Options) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      for await (const event of sandbox.events({ follow, tail, since })) {
        if (options.json) await printJsonLine(event);
        else
          await writeAll(
            process.stdout,
            `${event.time}  ${event.id}  ${event.type}  ${event.message || JSON.stringify(event.payload)}\n`,
          );
      }
    });
}
