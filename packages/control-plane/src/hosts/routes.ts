import type { Handlers } from "../calls/call.ts";
import { isolationFacts } from "./isolation.ts";
import type { HostWatch } from "./watch.ts";
import type { WorkQueue } from "./work-queue.ts";

export function hostHandlers(watch: HostWatch, work: WorkQueue): Pick<Handlers, "listHosts"> {
  return {
    listHosts: async () => {
      const info = await watch.known();
      return {
        status: 200,
        body: [
          {
            id: info.id,
            state: info.ready ? ("ready" as const) : ("starting" as const),
            ready: info.ready,
            not_ready_reason: info.notReadyReason,
            runtimes: info.runtimes.map((runtime) => ({
              ...runtime,
              is_security_boundary: isolationFacts[runtime.isolation].isSecurityBoundary,
              explanation: isolationFacts[runtime.isolation].explanation,
            })),
            limits: info.limits,
            cpus: info.cpus,
            versions: info.versions,
            boot_id: info.bootId,
            epoch: info.epoch,
            work: { in_flight: work.inFlight, waiting: work.depth, limit: work.limit },
            memory: {
              total_bytes: info.memory.totalBytes,
              available_bytes: info.memory.availableBytes,
              pressure: info.memory.pressure,
            },
            pool: { total_bytes: info.pool.totalBytes, available_bytes: info.pool.availableBytes },
            sandboxes: info.sandboxes,
          },
        ],
      };
    },
  };
}
