import { Gauge, type Registry } from "prom-client";
import type { HostInfo } from "@pandastack/contracts/host";

const figures: readonly { name: string; help: string; of: (host: HostInfo) => number }[] = [
  { name: "host_cpus", help: "Processors that machines share.", of: (host) => host.cpus },
  { name: "host_memory_total_bytes", help: "Memory of the host.", of: (host) => host.memory.totalBytes },
  {
    name: "host_memory_available_bytes",
    help: "Memory of the host that is free for more machines.",
    of: (host) => host.memory.availableBytes,
  },
  {
    name: "host_memory_pressure",
    help: "0: none. 1: nothing waits ahead any more. 2: idle sandboxes are hibernated.",
    of: (host) => ["none", "squeeze", "hibernate"].indexOf(host.memory.pressure),
  },
  { name: "host_pool_total_bytes", help: "Size of the pool of images and disks.", of: (host) => host.pool.totalBytes },
  { name: "host_pool_available_bytes", help: "What is free of the pool.", of: (host) => host.pool.availableBytes },
];

/** What the host last said that it has, by its id. No figures while it is away: old ones would look like news. */
export function registerCapacity(registry: Registry, current: () => HostInfo | undefined): void {
  new Gauge({
    name: "host_ready",
    help: "1 where a create of the default template would work now.",
    registers: [registry],
    collect() {
      this.set(current()?.ready === true ? 1 : 0);
    },
  });
  for (const { name, help, of } of figures)
    new Gauge({
      name,
      help,
      labelNames: ["host"],
      registers: [registry],
      collect() {
        this.reset();
        const host = current();
        if (host !== undefined) this.set({ host: host.id }, of(host));
      },
    });
}
