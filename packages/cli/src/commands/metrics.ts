import { setTimeout as delay } from "node:timers/promises";
import { type MetricsInfo, NotFoundError, type PandaStack, type Sandbox } from "@pandastack/sdk";
import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { formatFields, formatSize, formatTable, printJson, printLine } from "../output.ts";

const REFRESH_SECONDS = 2;
const CLEAR_SCREEN = "\u001b[H\u001b[2J";

export function metricsCommand(): Command {
  return newCommand({
    name: "metrics",
    summary: "show what a sandbox uses",
    example: "pandastack metrics 4f9k2m7x1q8w3e5r6t0y --json",
  })
    .argument("<id>", "sandbox")
    .action(async (id: string, options: CommonOptions) => {
      const metrics = await (await clientFor(options).sandboxes.get(id)).metrics();
      if (options.json) return printJson(metrics);
      const { guest, ...host } = metrics;
      printLine(formatFields({ ...host, ...guest }));
    });
}

export function topCommand(): Command {
  return newCommand({
    name: "top",
    summary: "show what running sandboxes use; on a terminal again and again, until Ctrl-C",
    example: "pandastack top --once",
  })
    .argument("[id...]", "sandboxes (default: all that run)")
    .option("--once", "only once, as where the output is no terminal")
    .option("-s, --interval <seconds>", "between two looks", wholeNumber(1, 3600), REFRESH_SECONDS)
    .action(async (ids: string[], options: CommonOptions & { once?: boolean; interval: number }) => {
      const panda = clientFor(options);
      if (options.json) return printJson((await look(panda, ids)).map(toJson));
      const isOnce = options.once === true || !process.stdout.isTTY;
      for (;;) {
        const text = toTable(await look(panda, ids));
        printLine(isOnce ? text : `${CLEAR_SCREEN}${text}`);
        if (isOnce) return;
        await delay(options.interval * 1000);
      }
    });
}

interface Row {
  sandbox: Sandbox;
  metrics: MetricsInfo;
}

async function look(panda: PandaStack, ids: string[]): Promise<Row[]> {
  const sandboxes =
    ids.length > 0
      ? await Promise.all(ids.map((id) => panda.sandboxes.get(id)))
      : await panda.sandboxes.list({ status: "running" }).toArray();
  const rows = await Promise.all(
    sandboxes.map(async (sandbox) => {
      try {
        return { sandbox, metrics: await sandbox.metrics() };
      } catch (error) {
        // Gone since the list was made.
        if (error instanceof NotFoundError) return undefined;
        throw error;
      }
    }),
  );
  return rows
    .filter((row) => row !== undefined)
    .toSorted((a, b) => b.metrics.host_cpu_percent - a.metrics.host_cpu_percent);
}

function toJson({ sandbox, metrics }: Row): unknown {
  return { id: sandbox.id, status: sandbox.status, ...metrics };
}

function toTable(rows: Row[]): string {
  return formatTable(
    ["ID", "STATUS", "CPU %", "HOST MEMORY", "GUEST MEMORY", "DISK", "PROCESSES"],
    rows.map(({ sandbox, metrics: { guest, ...host } }) => {
      const number = (name: string) => (typeof guest?.[name] === "number" ? guest[name] : undefined);
      const [total, free] = [number("memory_total_bytes"), number("memory_available_bytes")];
      return [
        sandbox.id,
        sandbox.status,
        host.host_cpu_percent.toFixed(1),
        formatSize(host.host_rss_bytes),
        total === undefined || free === undefined ? "-" : `${formatSize(total - free)} of ${formatSize(total)}`,
        formatSize(number("disk_used_bytes")),
        String(number("processes") ?? "-"),
      ];
    }),
  );
}
