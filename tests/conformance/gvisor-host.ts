import { findRunsc } from "@pandastack/host-agent/runtimes/gvisor/builds";
import { GvisorRuntime } from "@pandastack/host-agent/runtimes/gvisor/runtime";
import { openMachineHost } from "./qemu-host.ts";
import type { Target } from "./suite/target.ts";

const SIZE = { cpus: 2, memoryMb: 512 };

/** A host agent over gVisor, with templates of one kind. */
export const openGvisorHost = (files: "memory" | "disk" = "memory"): Promise<Target> =>
  openMachineHost({
    name: `gvisor-${files}`,
    async make({ artifacts, layout, cgroups }) {
      const { gvisor } = artifacts;
      if (!gvisor) throw new Error("set-up has made no runsc");
      const build = { key: gvisor.key, path: gvisor.runsc, isRecent: gvisor.sidecars };
      const findBuild = (key: string) => findRunsc(layout.cacheDir, key);
      const { agent } = gvisor;
      return { runtime: new GvisorRuntime({ build, findBuild, layout, cgroups, files, agent }), size: SIZE };
    },
    markOf: ({ serverId }) => `pandastack_${serverId}`,
  });
