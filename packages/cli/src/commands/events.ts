import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, several, wholeNumber } from "../command.ts";
import { printJsonLine, writeAll } from "../output.ts";

interface Options extends CommonOptions {
  follow?: boolean;
  tail?: number;
  since?: number;
  type?: string[];
}

/** As many as the server keeps of a sandbox: what is looked for may be among the oldest. */
const ALL = 512;

export function eventsCommand(): Command {
  return newCommand({
    name: "events",
    summary: "print what happened to a sandbox",
    example: "pandastack events -f 4f9k2m7x1q8w3e5r6t0y",
  })
    .argument("<id>", "sandbox")
    .option("-f, --follow", "go on until it is gone")
    .option("-n, --tail <number>", "only the last so many (default 50)", wholeNumber(0, ALL))
    .option("--since <event>", "only those after this one's id", wholeNumber(0))
    .option("--type <type>", "only these: vm.died, or all that begin with sandbox.; repeatable", several)
    .action(async (id: string, { follow, since, type, ...options }: Options) => {
      const tail = options.tail ?? (type === undefined ? undefined : ALL);
      const sandbox = await clientFor(options).sandboxes.get(id);
      for await (const event of sandbox.events({ follow, tail, since })) {
        if (type !== undefined && !isOneOf(type, event.type)) continue;
        if (options.json) await printJsonLine(event);
        else
          await writeAll(
            process.stdout,
            `${event.time}  ${event.id}  ${event.type}  ${event.message || JSON.stringify(event.payload)}\n`,
          );
      }
    });
}

/** `vm.died` is itself, `vm.` whatever begins so. */
export function isOneOf(wanted: readonly string[], type: string): boolean {
  return wanted.some((each) => (each.endsWith(".") ? type.startsWith(each) : type === each));
}
