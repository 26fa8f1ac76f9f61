import { sql } from "kysely";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { HostInfo } from "@pandastack/contracts/host";
import { registerCapacity } from "../hosts/capacity-metrics.ts";
import type { Database } from "../persistence/database.ts";
import type { WorkQueue } from "../hosts/work-queue.ts";
import type { SandboxCounters } from "../sandboxes/parts.ts";

const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Up to the longest wait for a turn. */
const WAIT_SECONDS = [0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20];
/** Commands: from `true` to whatever somebody waits for. */
const EXEC_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600, 3600];
const FORK_SECONDS = [0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 20];
const BOOT_SECONDS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5];

/** Gauges of the library that are named as counters are; the same by type stay. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

/** Figures for Prometheus, by operation and not by path: a path has ids in it. */
export class ServerMetrics {
  readonly registry = new Registry();
  readonly #requests: Counter<"operation" | "method" | "status">;
  readonly #durations: Histogram<"operation" | "method">;
  readonly #waits: Histogram;
  readonly counters: SandboxCounters;

  constructor(db: Database, work: () => WorkQueue, host: () => HostInfo | undefined) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    for (const name of MISNAMED) this.registry.removeSingleMetric(name);
    registerCapacity(this.registry, host);
    this.#requests = new Counter({
      name: "http_requests_total",
      help: "Requests answered.",
      labelNames: ["operation", "method", "status"],
      registers,
    });
    this.#durations = new Histogram({
      name: "http_request_duration_seconds",
      help: "From the request's head to the answer's end.",
      labelNames: ["operation", "method"],
      buckets: REQUEST_SECONDS,
      registers,
    });
    new Gauge({
      name: "database_up",
      help: "1 where the database answered when it was asked for these figures.",
      registers,
      async collect() {
        this.set(
          await sql`select 1`.execute(db).then(
            () => 1,
            () => 0,
          ),
        );
      },
    });
    new Gauge({
      name: "sandboxes",
      help: "Sandboxes by status.",
      labelNames: ["status"],
      registers,
      async collect() {
        const rows = await db
          .selectFrom("sandboxes")
          .select((column) => ["status", column.fn.countAll<number>().as("count")])
          .where("wanted", "<>", "deleted")
          .groupBy("status")
          .execute()
          // `database_up` says it.
          .catch(() => []);
        this.reset();
        for (const row of rows) this.set({ status: row.status }, row.count);
      },
    });
    this.#waits = new Histogram({
      name: "sandbox_queue_wait_seconds",
      help: "How long creates, forks and wakes waited for their turn on the host.",
      buckets: WAIT_SECONDS,
      registers,
    });
    new Gauge({
      name: "sandbox_queue_depth",
      help: "Creates, forks and wakes that wait for their turn on the host.",
      registers,
      collect() {
        this.set(work().depth);
      },
    });
    new Gauge({
      name: "sandbox_queue_in_flight",
      help: "Sandboxes in the making on the host.",
      registers,
      collect() {
        this.set(work().inFlight);
      },
    });
    const creates = new Counter({
      name: "sandbox_creates_total",
      help: "Creates by result.",
      labelNames: ["result", "boot_mode"],
      registers,
    });
    const boots = new Histogram({
      name: "sandbox_boot_duration_seconds",
      help: "From the command's arrival at the host until the guest answered.",
      buckets: BOOT_SECONDS,
      registers,
    });
    const hibernations = new Counter({ name: "hibernation_total", help: "Hibernations asked for.", registers });
    const wakes = new Counter({ name: "wake_total", help: "Wakes, asked for or by use.", registers });
    const expiries = new Counter({
      name: "sandbox_expired_total",
      help: "Sandboxes deleted for being idle.",
      registers,
    });
    const commands = new Histogram({
      name: "sandbox_exec_duration_seconds",
      help: "Commands that were waited for, from their start to their end, as the host has it.",
      labelNames: ["result"],
      buckets: EXEC_SECONDS,
      registers,
    });
    const forks = new Histogram({
      name: "sandbox_fork_duration_seconds",
      help: "Forks that made at least one child: from the host's command to its answer, however many children.",
      buckets: FORK_SECONDS,
      registers,
    });
    this.counters = {
      created: (result, bootMode, bootMs) => {
        creates.inc({ result, boot_mode: bootMode });
        if (result === "ok") boots.observe(bootMs / 1000);
      },
      executed: ({ exit_code, timed_out, duration_ms }) => {
        const result = timed_out ? "timeout" : exit_code === 0 ? "ok" : "failed";
        commands.observe({ result }, duration_ms / 1000);
      },
      forked: (ms) => forks.observe(ms / 1000),
      hibernated: () => hibernations.inc(),
      woken: () => wakes.inc(),
      expired: () => expiries.inc(),
    };
  }

  waited(seconds: number): void {
    this.#waits.observe(seconds);
  }

  answered(operation: string, method: string, status: number, seconds: number): void {
    this.#requests.inc({ operation, method, status: String(status) });
    this.#durations.observe({ operation, method }, seconds);
  }
}
