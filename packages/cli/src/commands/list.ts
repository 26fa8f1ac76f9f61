import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatAge, formatTable, printJson, printLine } from "../output.ts";

export function listCommand(): Command {
  return newCommand({ name: "list", summary: "list sandboxes, newest first", example: "pandastack list --json" })
    .alias("ls")
    .action(async (options: CommonOptions) => {
      const infos = (await clientFor(options).sandboxes.list()).map((sandbox) => sandbox.info);
      if (options.json) return printJson(infos);
      const rows = infos.map((info) => [
        info.id,
        info.status,
        info.template,
        info.isolation ?? "-",
        formatAge(info.created_at),
        info.guest_ip ?? "-",
      ]);
      printLine(formatTable(["ID", "STATUS", "TEMPLATE", "ISOLATION", "AGE", "ADDRESS"], rows));
    });
}
