import type { Handlers } from "../../calls/call.ts";
import { onSandbox } from "../entry.ts";
import type { SandboxParts } from "../parts.ts";
import { listSandboxEvents } from "./events.ts";
import { readFigures } from "./figures.ts";
import { getSandboxLogs } from "./logs.ts";
import { readCounters } from "../service/network.ts";

type Operations = "getSandboxMetrics" | "getSandboxUtil" | "getSandboxLogs" | "listSandboxEvents";

export function observationHandlers(parts: SandboxParts): Pick<Handlers, Operations> {
  return {
    getSandboxMetrics: onSandbox(parts, "getSandboxMetrics", async (_, row) => {
      const [figures, network] = await Promise.all([readFigures(parts, row), readCounters(parts, row)]);
      const uptimeMs = figures.pid === 0 ? 0 : Date.now() - row.created_at.getTime();
      return {
        status: 200,
        body: {
          pid: figures.pid,
          uptime_seconds: Math.max(0, Math.floor(uptimeMs / 1000)),
          host_cpu_percent: uptimeMs > 0 ? Math.round((figures.cpuMs / uptimeMs) * 1000) / 10 : 0,
          host_cpu_seconds: figures.cpuMs / 1000,
          host_rss_bytes: figures.rssBytes,
          host_vsz_bytes: 0,
          threads: 0,
          network,
          guest: figures.guest,
        },
      };
    }),
    getSandboxUtil: onSandbox(parts, "getSandboxUtil", async (_, row) => {
      const figures = await readFigures(parts, row);
      return {
        status: 200,
        body: {
          active_cpu_seconds: figures.cpuMs / 1000,
          cpu_tracked: figures.pid !== 0,
          resident_bytes: figures.rssBytes,
          cpu: row.cpu,
          memory_mb: row.memory_mb,
        },
      };
    }),
    getSandboxLogs: onSandbox(parts, "getSandboxLogs", (call, row) => getSandboxLogs(parts, call, row)),
    listSandboxEvents: onSandbox(parts, "listSandboxEvents", (call, row) => listSandboxEvents(parts, call, row)),
  };
}
