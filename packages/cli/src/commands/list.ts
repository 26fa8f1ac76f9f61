import type { SandboxStatus } from "@pandastack/sdk";
import { type Command, Option } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatAge, formatTable, printJson, printLine } from "../output.ts";

const STATES: SandboxStatus[] = ["creating", "running", "paused", "hibernated", "failed"];

export function listCommand(): Command {
  return newCommand({ name: "list", summary: "list sandboxes, newest first", example: "pandastack list --json" })
    .alias("ls")
    .addOption(new Option("--status <status>", "only those in this state").choices(STATES))
    .action(async (options: CommonOptions & { status?: SandboxStatus }) => {
      const sandboxes = await clientFor(options).sandboxes.list({ status: options.status }).toArray();
      const infos = sandboxes.map((sandbox) => sandbox.info);
      if (options.json) return printJson(infos);
      const rows = infos.map((info) => [
        info.id,
        info.status,
        info.template,
        info.isolation,
        formatAge(info.created_at),
        info.guest_ip || "-",
      ]);
      printLine(formatTable(["ID", "STATUS", "TEMPLATE", "ISOLATION", "AGE", "ADDRESS"], rows));
    });
}
