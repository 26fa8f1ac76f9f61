import { z } from "zod";
import { Isolation, RuntimeName } from "../host/index.ts";

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
    ready: z.boolean(),
    not_ready_reason: z.string().nullable(),
    runtimes: z.array(HostRuntime),
    limits: z
      .object({
        controllers: z.array(z.enum(["cpu", "memory", "pids", "io"])),
        reason: z.string().nullable().describe("What is missing and why; null when nothing is."),
      })
      .describe("What the kernel limits each sandbox's machine in, by a cgroup of its own."),
    memory: z.object({ total_bytes: z.int(), available_bytes: z.int() }),
    pool: z.object({ total_bytes: z.int(), available_bytes: z.int() }),
    sandboxes: z.object({ running: z.int(), paused: z.int(), hibernated: z.int(), failed: z.int() }),
  })
  .meta({ id: "Host" });
export type Host = z.infer<typeof Host>;
