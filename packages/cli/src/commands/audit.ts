import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { formatTable, printJson, printLine } from "../output.ts";

const DEFAULT_ENTRIES = 100;

interface Options extends CommonOptions {
  limit: number;
  hours?: number;
  actor?: string;
  workspace?: string;
  operation?: string;
  target?: string;
  request?: string;
}

export function auditCommand(): Command {
  return newCommand({
    name: "audit",
    summary: "show who did what, newest first",
    example: "pandastack audit --operation deleteSandbox --hours 48",
  })
    .option("-n, --limit <number>", "entries at most", wholeNumber(1), DEFAULT_ENTRIES)
    .option("--hours <number>", "how far back (default: 24)", wholeNumber(1))
    .option("--actor <prefix>", "only what this token did")
    .option("--workspace <slug>", "only in this workspace")
    .option("--operation <name>", "only this operation")
    .option("--target <id>", "only what was done to this")
    .option("--request <id>", "only this request, as an error names it")
    .action(async (options: Options) => {
      const { limit, hours, actor, workspace, operation, target, request } = options;
      // Where nothing is said, the server counts from its own now: this machine's clock may be wrong.
      const since = hours === undefined ? undefined : new Date(Date.now() - hours * 3_600_000);
      const which = { since, actor, workspace, operation, target, requestId: request };
      const entries = [];
      for await (const entry of clientFor(options).audit.list(which)) if (entries.push(entry) >= limit) break;
      if (options.json) return printJson(entries);
      const rows = entries.map((entry) => [
        entry.ts,
        entry.actor,
        entry.workspace,
        entry.operation,
        entry.target ?? "-",
        entry.code === null ? String(entry.status) : `${entry.status} ${entry.code}`,
      ]);
      printLine(formatTable(["TIME", "ACTOR", "WORKSPACE", "OPERATION", "TARGET", "OUTCOME"], rows));
    });
}
