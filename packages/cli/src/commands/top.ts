import { setTimeout as delay } from "node:timers/promises";
import {
  ConflictError,
  type HostInfo,
  type LifecycleInfo,
  type MetricsInfo,
  NotFoundError,
  type PandaStack,
  PandaStackError,
  type Sandbox,
} from "@pandastack/sdk";
import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { formatDuration, formatSize, formatTable, printJson, printLine } from "../output.ts";

const REFRESH_SECONDS = 2;
const CLEAR_SCREEN = "\u001b[H\u001b[2J";
/** Looks at so many sandboxes at a time. */
const LANES = 16;

export function topCommand(): Command {
  return newCommand({
    name: "top",
    summary: "show what running sandboxes use; on a terminal again and again, until Ctrl-C",
    example: "pandastack top --once",
    more: "On a terminal, processor and network since the last look; else, and at first, since each sandbox's machine was started.",
  })
    .argument("[id...]", "sandboxes (default: all that run)")
    .option("--once", "only once, as where the output is no terminal")
    .option("-s, --interval <seconds>", "between two looks", wholeNumber(1, 3600), REFRESH_SECONDS)
    .action(async (ids: string[], options: CommonOptions & { once?: boolean; interval: number }) => {
      const panda = clientFor(options);
      if (options.json) return printJson((await look(panda, ids)).rows.map(toJson));
      const isOnce = options.once === true || !process.stdout.isTTY;
      let before: ReadonlyMap<string, Row> = new Map();
      for (;;) {
        const { rows, hosts } = await lookAgain(panda, ids, isOnce);
        const text = [...hosts.map(hostLine), toTable(rows, before)].join("\n");
        printLine(isOnce ? text : `${CLEAR_SCREEN}${text}`);
        if (isOnce) return;
        before = new Map(rows.map((row) => [row.sandbox.id, row]));
        await delay(options.interval * 1000);
      }
    });
}

export interface Row {
  readonly sandbox: Pick<Sandbox, "id" | "status">;
  readonly metrics: MetricsInfo;
  readonly lifecycle: Pick<LifecycleInfo, "idle_seconds">;
  /** When it was looked at. */
  readonly atMs: number;
}

interface Look {
  readonly rows: readonly Row[];
  readonly hosts: readonly HostInfo[];
}

/** A server that restarts is back in a moment: whoever watches wants to see that, not an end. */
async function lookAgain(panda: PandaStack, ids: string[], isOnce: boolean): Promise<Look> {
  for (;;) {
    try {
      return await look(panda, ids);
    } catch (error) {
      if (isOnce || !(error instanceof PandaStackError) || !error.retryable) throw error;
      printLine(`${CLEAR_SCREEN}${error.message}`);
      await delay(REFRESH_SECONDS * 1000);
    }
  }
}

async function look(panda: PandaStack, ids: string[]): Promise<Look> {
  const hosts = await panda.hosts.list().toArray();
  const sandboxes =
    ids.length > 0
      ? await Promise.all(ids.map((id) => panda.sandboxes.get(id)))
      : await panda.sandboxes.list({ status: "running" }).toArray();
  const rows: Row[] = [];
  const lane = async () => {
    for (let sandbox = sandboxes.shift(); sandbox; sandbox = sandboxes.shift()) {
      const row = await lookAt(sandbox);
      if (row !== undefined) rows.push(row);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { rows, hosts };
}

async function lookAt(sandbox: Sandbox): Promise<Row | undefined> {
  try {
    const [metrics, lifecycle] = await Promise.all([sandbox.metrics(), sandbox.lifecycle()]);
    return { sandbox, metrics, lifecycle, atMs: Date.now() };
  } catch (error) {
    // Gone, or asleep, since the list was made.
    if (error instanceof NotFoundError || error instanceof ConflictError) return undefined;
    throw error;
  }
}

function toJson({ sandbox, metrics, lifecycle }: Row): unknown {
  return { id: sandbox.id, status: sandbox.status, idle_seconds: lifecycle.idle_seconds, ...metrics };
}

function hostLine(host: HostInfo): string {
  const { memory, pool, sandboxes } = host;
  return [
    `${host.id}: ${host.ready ? "ready" : (host.not_ready_reason ?? "not ready")}`,
    `${sandboxes.running} running, ${sandboxes.hibernated} hibernated`,
    `memory ${formatSize(memory.available_bytes)} of ${formatSize(memory.total_bytes)} free`,
    `pool ${formatSize(pool.available_bytes)} of ${formatSize(pool.total_bytes)} free`,
  ].join("; ");
}

/** Of one core: since the look before, where that was at the same machine; else since the machine was started. */
export function cpuPercent(now: Row, before: Row | undefined): number {
  const { host_cpu_percent, host_cpu_seconds, pid } = now.metrics;
  if (before === undefined || before.metrics.pid !== pid || now.atMs <= before.atMs) return host_cpu_percent;
  const seconds = (now.atMs - before.atMs) / 1000;
  return Math.max(0, ((host_cpu_seconds - before.metrics.host_cpu_seconds) / seconds) * 100);
}

/** Bytes a second since the look before; else all since the machine was started. */
export function traffic(now: Row, before: Row | undefined, which: "sent_bytes" | "received_bytes"): string {
  const total = now.metrics.network[which];
  if (before === undefined || now.atMs <= before.atMs) return formatSize(total);
  const bytes = Math.max(0, total - before.metrics.network[which]);
  return `${formatSize(Math.round((bytes * 1000) / (now.atMs - before.atMs)))}/s`;
}

export function toTable(rows: readonly Row[], before: ReadonlyMap<string, Row>): string {
  const measured = rows
    .map((row) => ({ row, last: before.get(row.sandbox.id), cpu: cpuPercent(row, before.get(row.sandbox.id)) }))
    .toSorted((a, b) => b.cpu - a.cpu);
  return formatTable(
    ["ID", "STATUS", "CPU %", "HOST MEMORY", "GUEST MEMORY", "DISK", "PROCESSES", "SENT", "RECEIVED", "IDLE"],
    measured.map(({ row, last, cpu }) => {
      const { sandbox, metrics, lifecycle } = row;
      const number = (name: string) => (typeof metrics.guest?.[name] === "number" ? metrics.guest[name] : undefined);
      const [total, free] = [number("memory_total_bytes"), number("memory_available_bytes")];
      return [
        sandbox.id,
        sandbox.status,
        cpu.toFixed(1),
        formatSize(metrics.host_rss_bytes),
        total === undefined || free === undefined ? "-" : `${formatSize(total - free)} of ${formatSize(total)}`,
        formatSize(number("disk_used_bytes")),
        String(number("processes") ?? "-"),
        traffic(row, last, "sent_bytes"),
        traffic(row, last, "received_bytes"),
        formatDuration(lifecycle.idle_seconds),
      ];
    }),
  );
}
