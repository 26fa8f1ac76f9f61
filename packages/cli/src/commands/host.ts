import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, newGroup } from "../command.ts";
import { formatSize, formatTable, printJson, printLine } from "../output.ts";

export function hostGroup(): Command {
  return newGroup("host", "the machines that run sandboxes", [listCommand()]);
}

function listCommand(): Command {
  return newCommand({
    name: "list",
    summary: "list hosts, what isolates their sandboxes, and what they have left",
    example: "pandastack host list",
  })
    .alias("ls")
    .action(async (options: CommonOptions) => {
      const hosts = await clientFor(options).hosts.list().toArray();
      if (options.json) return printJson(hosts);
      const rows = hosts.map((host) => [
        host.id,
        host.ready ? "ready" : (host.not_ready_reason ?? "not ready"),
        host.runtimes
          .filter((runtime) => runtime.available)
          .map((runtime) => runtime.isolation)
          .join(", ") || "-",
        `${formatSize(host.memory.available_bytes)} of ${formatSize(host.memory.total_bytes)}`,
        `${formatSize(host.pool.available_bytes)} of ${formatSize(host.pool.total_bytes)}`,
        String(host.sandboxes.running),
        String(host.sandboxes.hibernated),
      ]);
      printLine(formatTable(["ID", "STATUS", "ISOLATION", "MEMORY FREE", "POOL FREE", "RUNNING", "HIBERNATED"], rows));
    });
}
