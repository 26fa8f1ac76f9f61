import { z } from "zod";
import { Isolation, MemoryPressure, RuntimeName } from "../host/index.ts";

export const HostRuntime = z.object({
  name: RuntimeName,
  isolation: Isolation,
  available: z.boolean(),
  reason: z.string().nullable(),
  is_security_boundary: z.boolean().describe("Whether its makers stand by it as one."),
  explanation: z.string(),
});

export const Host = z
  .object({
    id: z.string(),
    state: z.enum(["ready", "starting"]),
    ready: z.boolean(),
    not_ready_reason: z.string().nullable(),
    runtimes: z.array(HostRuntime),
    limits: z
      .object({
        controllers: z.array(z.enum(["cpu", "memory", "pids", "io"])),
        reason: z.string().nullable().describe("What is missing and why; null when nothing is."),
      })
      .describe("What the kernel limits each sandbox's machine in, by a cgroup of its own."),
    cpus: z.int().describe("Processors that machines share."),
    versions: z.record(z.string(), z.string()).describe("Of what runs there, by name."),
    boot_id: z.string(),
    epoch: z.string().describe("Changes when the host's journal begins anew."),
    work: z
      .object({ in_flight: z.int(), waiting: z.int(), limit: z.int() })
      .describe(
        "Sandboxes in the making, requests that wait for their turn, and how many may be made at a time, as this control plane sees it.",
      ),
    memory: z.object({
      total_bytes: z.int(),
      available_bytes: z.int(),
      pressure: MemoryPressure.describe(
        "`squeeze`: nothing waits ahead of creates any more. `hibernate`: sandboxes that nobody uses are hibernated, too.",
      ),
    }),
    pool: z.object({ total_bytes: z.int(), available_bytes: z.int() }),
    sandboxes: z.object({ running: z.int(), paused: z.int(), hibernated: z.int(), failed: z.int() }),
  })
  .meta({ id: "Host" });
export type Host = z.infer<typeof Host>;
