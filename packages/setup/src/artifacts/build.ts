import { join } from "node:path";
import type { Artifacts } from "../../../host-agent/src/images/artifacts.ts";
import type { Cache } from "../cache/cache.ts";
import type { Step } from "../steps/step.ts";
import { erofsOf, type ErofsEntry, findErofs, obtainErofs } from "./erofs.ts";
import { agentBinaryOf, type AgentEntry, findGuestAgent, obtainGuestAgent } from "./guest-agent.ts";
import { findInitrd, type InitrdEntry, initrdOf, obtainInitrd } from "./initrd.ts";
import { findMachine, kernelOf, type MachineEntry, obtainMachine, vmmRootOf } from "./machine.ts";
import { findPostgres, obtainPostgres, type PostgresEntry } from "./postgres.ts";
import { findRootfs, obtainRootfs, type RootfsEntry, type RootfsInput, rootfsOf } from "./rootfs.ts";
import { findRunsc, obtainRunsc, type RunscEntry, type RunscInput } from "./runsc.ts";
import { VMM_PROGRAMS } from "./vmm-root.ts";

export interface BuildInput extends RootfsInput, RunscInput {
  readonly cache: Cache;
  readonly repository: string;
  /** Folder of the guest agent's crate. */
  readonly agentCrate: string;
}

/** Everything that is built or downloaded into the cache, as steps and as what they came to. */
export interface ArtifactBuild {
  readonly steps: readonly Step[];
  /** To be asked when the steps are done. */
  artifacts(): Artifacts;
  /** Folder with bin/, lib/ and share/ of PostgreSQL. */
  postgres(): string;
}

/** `needs` of the steps: "system packages", "Rust" and "npm packages" must come before them. */
export function artifactBuild(input: BuildInput): ArtifactBuild {
  const { cache, repository, agentCrate } = input;
  let rootfs: RootfsEntry | undefined;
  let machine: MachineEntry | undefined;
  let agent: AgentEntry | undefined;
  let initrd: InitrdEntry | undefined;
  let postgres: PostgresEntry | undefined;
  let runsc: RunscEntry | { missing: string } | undefined;
  let erofs: ErofsEntry | undefined;

  const steps: Step[] = [
    {
      name: "base root file system",
      needs: ["system packages"],
      isDone: () => (rootfs = findRootfs(cache, input)) !== undefined,
      run: async (context) => void (rootfs = await obtainRootfs(cache, input, context)),
    },
    {
      name: "VMM and guest kernel",
      needs: ["system packages"],
      isDone: () => (machine = findMachine(cache, input.mirror)) !== undefined,
      run: async (context) => void (machine = await obtainMachine(cache, input.mirror, context)),
    },
    {
      name: "guest agent",
      needs: ["Rust"],
      isDone: async () => (agent = await findGuestAgent(cache, agentCrate)) !== undefined,
      run: async (context) => void (agent = await obtainGuestAgent(cache, agentCrate, context)),
    },
    {
      name: "initial root of guests",
      needs: ["VMM and guest kernel", "guest agent"],
      isDone: () => (initrd = findInitrd(cache, built(machine), built(agent))) !== undefined,
      run: async () => void (initrd = await obtainInitrd(cache, built(machine), built(agent))),
    },
    {
      name: "gVisor",
      needs: ["system packages", "Rust"],
      isDone: async () => {
        const found = await findRunsc(cache, input);
        runsc = found === "none" ? { missing: "PANDASTACK_RUNSC is none" } : found;
        return runsc !== undefined;
      },
      run: async (context) => void (runsc = await obtainRunsc(cache, input, context)),
    },
    {
      name: "root file system for gVisor",
      needs: ["base root file system", "guest agent", "gVisor"],
      isDone: () => {
        if ("missing" in built(runsc)) return true;
        return (erofs = findErofs(cache, built(rootfs), built(agent))) !== undefined;
      },
      run: async (context) => void (erofs = await obtainErofs(cache, built(rootfs), built(agent), context)),
    },
    {
      name: "PostgreSQL",
      needs: ["npm packages"],
      isDone: () => (postgres = findPostgres(cache, repository)) !== undefined,
      run: async () => void (postgres = await obtainPostgres(cache, repository)),
    },
  ];

  return {
    steps,
    postgres: () => built(postgres).path,
    artifacts: () => {
      const [m, i, r] = [built(machine), built(initrd), built(rootfs)];
      return {
        vmm: { root: vmmRootOf(m), qemuPath: VMM_PROGRAMS[0], version: m.vmmVersion, key: m.vmmKey },
        kernel: { path: kernelOf(m), version: m.kernelVersion, key: m.kernelKey },
        initrd: { path: initrdOf(i), key: i.key, agentKey: built(agent).key },
        rootfs: { base: { path: rootfsOf(r), key: r.key, diskMb: r.diskMb } },
        ...gvisorOf(built(runsc), erofs, built(agent)),
      };
    },
  };
}

function gvisorOf(
  runsc: RunscEntry | { missing: string },
  erofs: ErofsEntry | undefined,
  agent: AgentEntry,
): Pick<Artifacts, "gvisor" | "gvisorMissing"> {
  if ("missing" in runsc) return { gvisorMissing: runsc.missing };
  const { version, key, sidecars } = runsc;
  const image = built(erofs);
  const roots = { base: { path: erofsOf(image), key: image.key } };
  const program = join(runsc.path, "runsc");
  return { gvisor: { runsc: program, sidecars, version, key, agent: agentBinaryOf(agent), erofs: roots } };
}

function built<T>(entry: T | undefined): T {
  if (entry === undefined) throw new Error("asked for before its step was done");
  return entry;
}
