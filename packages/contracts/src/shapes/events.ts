import { z } from "zod";
import { EVENTS_KEPT } from "../limits.ts";
import { Flag } from "./flags.ts";
import { NetworkCounters } from "./network.ts";
import { Timestamp } from "./timestamp.ts";

/** Every name that a client of any age looks for: `time`, `ts` and `timestamp` are one value, so are `type` and `code`, `payload` and `data`. */
export const Event = z
  .object({
    id: z.int().describe("Grows; `since` takes it."),
    time: Timestamp,
    ts: Timestamp,
    timestamp: Timestamp,
    sandbox_id: z.string(),
    type: z.string(),
    code: z.string(),
    message: z.string(),
    payload: z.record(z.string(), z.unknown()),
    metadata: z.record(z.string(), z.unknown()),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "Event" });
export type Event = z.infer<typeof Event>;

export const EventList = z.object({ events: z.array(Event) }).meta({ id: "EventList" });

export const EventsQuery = z.object({
  tail: z.coerce.number().int().min(0).max(EVENTS_KEPT).optional().describe("How many of the newest; default 50."),
  since: z.coerce.number().int().min(0).optional().describe("Only events with a greater id."),
  follow: Flag,
});

export const LogsQuery = z.object({
  stream: z.enum(["stdout", "stderr", "both"]).optional(),
  tail: z.coerce.number().int().min(0).max(100_000).optional().describe("Only the last so many lines."),
  follow: Flag,
});

export const SandboxMetrics = z
  .object({
    pid: z.int().describe("The VMM's; 0 while it has none."),
    uptime_seconds: z.int(),
    host_cpu_percent: z.number().describe("Of one core, since it started."),
    host_cpu_seconds: z.number().describe("Processor time that its machine has taken."),
    host_rss_bytes: z.int(),
    host_vsz_bytes: z.int(),
    threads: z.int(),
    network: NetworkCounters.describe("As `GET /v1/sandboxes/{id}/network` has them."),
    guest: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe("As the guest sees itself; null while it cannot be asked."),
  })
  .meta({ id: "SandboxMetrics" });

export const SandboxUtil = z
  .object({
    active_cpu_seconds: z.number(),
    cpu_tracked: z.boolean(),
    resident_bytes: z.int(),
    cpu: z.int(),
    memory_mb: z.int(),
  })
  .meta({ id: "SandboxUtil" });
