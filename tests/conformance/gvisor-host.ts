import type { Artifacts } from "@pandastack/host-agent/images/artifacts";
import { findRunsc, openRunsc } from "@pandastack/host-agent/runtimes/gvisor/builds";
import { GvisorRuntime } from "@pandastack/host-agent/runtimes/gvisor/runtime";
import { openMachineHost } from "./qemu-host.ts";
import type { Target } from "./suite/target.ts";

const SIZE = { cpus: 2, memoryMb: 512 };

export interface GvisorHostOptions {
  readonly artifactsOf?: (made: Artifacts) => Artifacts;
  readonly cacheDir?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A host agent over gVisor, with templates of one kind. */
export const openGvisorHost = (files: "memory" | "disk" = "memory", options?: GvisorHostOptions): Promise<Target> =>
  openMachineHost({
    ...options,
    name: `gvisor-${files}`,
    async make({ artifacts, layout, cgroups }) {
      const { gvisor } = artifacts;
      if (!gvisor) throw new Error("set-up has made no runsc");
      const build = openRunsc(gvisor.key, gvisor.runsc);
      const findBuild = (key: string) => findRunsc(layout.cacheDir, key);
      const { agent } = gvisor;
      return { runtime: new GvisorRuntime({ build, findBuild, layout, cgroups, files, agent }), size: SIZE };
    },
    markOf: ({ serverId }) => `pandastack_${serverId}`,
  });
