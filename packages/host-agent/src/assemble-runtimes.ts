import { availableParallelism } from "node:os";
import type { Cgroups } from "./cgroups/index.ts";
import type { HostLayout } from "./files/layout.ts";
import type { Artifacts } from "./images/artifacts.ts";
import { findRunsc, openRunsc } from "./runtimes/gvisor/builds.ts";
import { closeCallers } from "./runtimes/gvisor/caller.ts";
import { whyUnusable } from "./runtimes/gvisor/features.ts";
import { GvisorRuntime } from "./runtimes/gvisor/runtime.ts";
import { QemuRuntime } from "./runtimes/qemu/runtime.ts";
import { type RuntimeEntry, Runtimes } from "./runtimes/registry.ts";

/** `base`: what the design gives every sandbox; an emulated guest has one CPU, since a second only costs. */
const MEMORY_MB = 512;
const CPUS = { kvm: 2, tcg: 1, gvisor: 2 };

export interface RuntimesOptions {
  readonly artifacts: Artifacts;
  readonly layout: HostLayout;
  readonly cgroups: Cgroups;
  /** Whether a guest booted on KVM. */
  readonly kvm: boolean;
  /** Machines of a runtime that wait, prepared and empty. */
  readonly ahead: number;
}

/** The runtimes of a real host. The first is what `auto` means, and is made ready first. */
export function assembleRuntimes(options: RuntimesOptions): { runtimes: Runtimes; close: () => Promise<void> } {
  const { artifacts, layout, cgroups, kvm, ahead } = options;
  const qemu = new QemuRuntime({ artifacts, layout, cgroups, kvm });
  const size = { cpus: kvm ? CPUS.kvm : CPUS.tcg, memoryMb: MEMORY_MB };
  const microvm: RuntimeEntry = { runtime: qemu, size, ahead };
  return {
    runtimes: inOrder({ microvm, gvisor: gvisorEntry(options), kvm, missing: () => whyNoGvisor(artifacts) }),
    close: async () => {
      await qemu.close();
      await closeCallers();
    },
  };
}

/** What an operator says; else a virtual machine on KVM, else gVisor, and emulation only where there is nothing else. */
function inOrder(found: {
  microvm: RuntimeEntry;
  gvisor: RuntimeEntry | undefined;
  kvm: boolean;
  missing: () => string;
}): Runtimes {
  const { microvm, gvisor, kvm, missing } = found;
  if (!gvisor) return new Runtimes([microvm], [{ name: "gvisor", isolation: "gvisor", reason: missing() }]);
  const said = process.env["PANDASTACK_RUNTIME"];
  const isMicrovmFirst = said === "gvisor" ? false : said === "microvm" || said === "qemu" || kvm;
  return new Runtimes(isMicrovmFirst ? [microvm, gvisor] : [gvisor, microvm]);
}

function whyNoGvisor({ gvisor, gvisorMissing = "set-up has made no runsc" }: Artifacts): string {
  if (!gvisor) return gvisorMissing;
  const why = whyUnusable(openRunsc(gvisor.key, gvisor.runsc).features);
  return `runsc ${gvisor.version} is too old: ${why}; set-up builds one where it finds Go or can fetch it`;
}

function gvisorEntry({ artifacts, layout, cgroups, ahead }: RuntimesOptions): RuntimeEntry | undefined {
  if (!artifacts.gvisor) return undefined;
  const { key, runsc, sidecars, agent } = artifacts.gvisor;
  const build = openRunsc(key, runsc);
  if (whyUnusable(build.features) !== undefined) return undefined;
  const findBuild = (wanted: string) => findRunsc(layout.cacheDir, wanted);
  const common = { build, findBuild, layout, cgroups, agent };
  return {
    runtime: new GvisorRuntime({ ...common, files: "memory" }),
    // Of a build of ours: older ones are not known to restore files from a disk that has gone to another slot.
    ...(sidecars && { withDisks: new GvisorRuntime({ ...common, files: "disk" }) }),
    size: { cpus: Math.min(CPUS.gvisor, availableParallelism()), memoryMb: MEMORY_MB },
    ahead,
  };
}
