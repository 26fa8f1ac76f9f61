import { join } from "node:path";
import { childrenOf, removeCgroup } from "./folder.ts";
import type { Controller, Hierarchy } from "./hierarchies.ts";
import type { Limited } from "./limits.ts";
import { MachineCgroup } from "./machine-cgroup.ts";

export interface CgroupStatus {
  /** What machines are limited in. */
  readonly controllers: Controller[];
  /** What is missing and why; null when nothing is. */
  readonly reason: string | null;
}

/** One server's part of the host's cgroups: `pandastack_<server id>/<machine id>` in each hierarchy that can be used. */
export class Cgroups {
  readonly status: CgroupStatus;
  readonly #hierarchies: readonly Hierarchy[];
  readonly #serverId: string;
  readonly #device: string;

  constructor(options: { hierarchies: readonly Hierarchy[]; serverId: string; device: string; status: CgroupStatus }) {
    this.#hierarchies = options.hierarchies;
    this.#serverId = options.serverId;
    this.#device = options.device;
    this.status = options.status;
  }

  /** For servers that have none: machines start without limits. */
  static none(reason: string): Cgroups {
    return new Cgroups({ hierarchies: [], serverId: "none", device: "", status: { controllers: [], reason } });
  }

  of(machineId: string): MachineCgroup {
    const places = this.#hierarchies.map((hierarchy) => ({
      ...hierarchy,
      folder: join(serverFolder(hierarchy, this.#serverId), machineId),
    }));
    return new MachineCgroup(places, this.#device);
  }

  make(machineId: string, size: Limited): MachineCgroup {
    const cgroup = this.of(machineId);
    cgroup.make(size);
    return cgroup;
  }

  /** A living machine's; one that was started without limits gets them now. */
  adopt(machine: { machineId: string; size: Limited; pid: number }): MachineCgroup {
    const cgroup = this.of(machine.machineId);
    if (cgroup.exists) return cgroup;
    cgroup.make(machine.size);
    cgroup.enter(machine.pid);
    return cgroup;
  }

  /** Removes all but these machines', with the processes in them. */
  async removeUnnamed(kept: ReadonlySet<string>): Promise<void> {
    const folders = this.#hierarchies.map((hierarchy) => serverFolder(hierarchy, this.#serverId));
    const unnamed = new Set(folders.flatMap(childrenOf).filter((name) => !kept.has(name)));
    await Promise.all([...unnamed].map((name) => this.of(name).remove()));
  }

  /** The server's own folders go, too: nothing of it is left. Its machines must be gone. */
  async close(): Promise<void> {
    await this.removeUnnamed(new Set());
    await Promise.all(this.#hierarchies.map((hierarchy) => removeCgroup(serverFolder(hierarchy, this.#serverId))));
  }
}

export const SERVER_PREFIX = "pandastack_";

export function serverFolder({ mount }: Pick<Hierarchy, "mount">, serverId: string): string {
  return join(mount, `${SERVER_PREFIX}${serverId}`);
}
