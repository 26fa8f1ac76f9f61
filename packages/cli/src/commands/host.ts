import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, newGroup, wholeNumber } from "../command.ts";
import { loadUpkeep, requireRoot } from "../upkeep.ts";
import { formatSize, formatTable, printJson, printLine } from "../output.ts";

export function hostGroup(): Command {
  return newGroup("host", "the machines that run sandboxes", [listCommand(), gcCommand()]);
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

/** Builds may be about to be used by a start that has only just made them. */
const MIN_AGE_HOURS = 24;

function gcCommand(): Command {
  return newCommand({
    name: "gc",
    summary: "remove what belongs to no one on this machine",
    example: "pandastack host gc --dry-run",
    more: [
      "Run on the server's machine, as root. In the cache: builds that no data folder of this machine names",
      "and no process uses. In the pool of a stopped server (PANDASTACK_DATA_DIR): files that its journal",
      "does not name. In the kernel and /run: what killed servers whose data folder is gone have left.",
      "Nothing of a server that runs is touched.",
    ].join(" "),
  })
    .option("--dry-run", "only say what would be removed")
    .option("--min-age <hours>", "builds that are younger stay", wholeNumber(0), MIN_AGE_HOURS)
    .action(async (options: CommonOptions & { dryRun?: boolean; minAge: number }) => {
      requireRoot("host gc");
      const { findPlace } = await loadUpkeep(() => import("@pandastack/setup/upkeep/place"));
      const { collectGarbage } = await loadUpkeep(() => import("@pandastack/setup/upkeep/gc"));
      const isDryRun = options.dryRun === true;
      const report = await collectGarbage({ place: findPlace(), isDryRun, minAgeMs: options.minAge * 3_600_000 });
      if (options.json)
        return printJson({ dry_run: isDryRun, ...report, poolSkipped: undefined, pool_skipped: report.poolSkipped });
      const rows = report.removed.map(({ kind, what, why, bytes }) => [kind, formatSize(bytes), what, why]);
      if (rows.length > 0) printLine(formatTable(["KIND", "SIZE", "WHAT", "WHY"], rows));
      for (const { what, because } of report.left) printLine(`left: ${what}: ${because}`);
      if (report.poolSkipped !== null) printLine(`pool: ${report.poolSkipped}`);
      printLine(`${isDryRun ? "would free" : "freed"} ${formatSize(report.bytes)} (${rows.length} things)`);
    });
}
