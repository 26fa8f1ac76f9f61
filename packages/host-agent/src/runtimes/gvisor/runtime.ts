import { join } from "node:path";
import { crashPoint, markStep, newHexId } from "@pandastack/platform";
import type { Cgroups, CgroupStatus } from "../../cgroups/index.ts";
import { hostBootId } from "../../files/host-boot.ts";
import { machineDir, machineRunDir, type HostLayout } from "../../files/layout.ts";
import { readyGuestNetns } from "../../network/index.ts";
import { cpuFeatures } from "../../processes/cpu-features.ts";
import { isAlive, killProcess } from "../../processes/proc.ts";
import type {
  BootPlan,
  Machine,
  MachinePlan,
  MachineRecord,
  MachineSize,
  RestorePlan,
  RunningMachine,
  Runtime,
  VolumePlan,
} from "../runtime.ts";
import { askAgain, closeCallers } from "./caller.ts";
import { command, createContainer, killContainer, readPid, stateOf, type Container } from "./container.ts";
import { readImage } from "./image.ts";
import {
  makeMachineFiles,
  makeVolumeDirs,
  placeDisks,
  removeMachineFiles,
  rootDir,
  writeConfig,
  type MachineFiles,
} from "./machine-files.ts";
import { GvisorMachine } from "./machine.ts";
import { DISK, furnishDisk, isErofs } from "./root-disk.ts";
import type { RunscBuild } from "./runsc.ts";
import { isPaused, restoreInto } from "./sentry.ts";
import { CONTAINER_LAYOUTS, containerSpec, overlayMb } from "./spec.ts";
import { volumeDevice } from "./volume-mounts.ts";

/** The sentry with its buffers and page tables, beside the guest's memory. */
const SENTRY_MEMORY_MB = 192;
/** Threads of the sentry and one process for each of the guest's. */
const SENTRY_MAX_TASKS = 4_096;
const TOKEN_BYTES = 16;

export interface GvisorOptions {
  readonly build: RunscBuild;
  /** Builds of before, which stored checkpoints need; undefined when one is gone. */
  readonly findBuild: (key: string) => RunscBuild | undefined;
  readonly layout: HostLayout;
  readonly cgroups: Cgroups;
  /** Where templates have their files: in memory, which starts sooner, or on a disk, which outlives the sentry. */
  readonly files: keyof typeof CONTAINER_LAYOUTS;
  /** The guest agent, which a new disk gets. */
  readonly agent: string;
}

/**
 * gVisor: the guest's kernel is a program of its own, in user mode, with no device, and none of the host's files but, where it has
 * a disk, those on it. Of whichever kind its own templates are, it drives machines of both.
 */
export class GvisorRuntime implements Runtime {
  readonly name = "gvisor" as const;
  readonly isolation = "gvisor" as const;
  readonly imageDisk = DISK;
  readonly mountsVolumes = true as const;
  readonly volumeDevice = volumeDevice;
  readonly rootImage?: "erofs";
  readonly isDiskless?: true;
  readonly diskMb?: (size: MachineSize) => number;
  readonly furnish?: (rootDisk: string) => Promise<void>;
  readonly buildKey: string;
  readonly cpuFeatures = cpuFeatures();
  readonly #options: GvisorOptions;
  /** Containers that wait for their restore. They hold no guest. */
  readonly #prepared = new Map<string, Promise<Container>>();

  constructor(options: GvisorOptions) {
    this.#options = options;
    this.buildKey = buildKeyOf(options.build, options.files);
    if (options.files === "disk") {
      this.furnish = (rootDisk) => furnishDisk(rootDisk, options.agent);
      return;
    }
    this.rootImage = "erofs";
    this.isDiskless = true;
    this.diskMb = overlayMb;
  }

  canLoad(buildKey: string): boolean {
    const suffix = Object.values(CONTAINER_LAYOUTS).find((layout) => buildKey.endsWith(`-${layout}`));
    const key = suffix && buildKey.slice(0, -`-${suffix}`.length);
    return key !== undefined && (key === this.#options.build.key || this.#options.findBuild(key) !== undefined);
  }

  async boot(plan: BootPlan): Promise<RunningMachine> {
    return this.#undoing(plan, async () => {
      const token = newHexId(TOKEN_BYTES);
      const root = isErofs(plan.rootDisk) ? { erofs: plan.rootDisk } : { link: plan.rootDisk };
      const container = await this.#create(plan, { build: this.#options.build, root, token, isRestored: false });
      await command(container, "start", plan.machineId);
      return this.#running(container, token);
    });
  }

  /** A container knows its root file system and its build, and nothing of the memory that it will have. A disk is its own. */
  preparedAlike(imageDir: string): string | undefined {
    const { runscKey, erofs } = readImage(imageDir);
    return erofs && `${runscKey} ${erofs}`;
  }

  async prepare(plan: RestorePlan): Promise<MachineRecord> {
    const waiting = this.#prepared.get(plan.machineId);
    if (waiting) return (await waiting).record;
    const created = this.#createFor(plan);
    this.#prepared.set(plan.machineId, created);
    created.catch(() => this.#prepared.delete(plan.machineId));
    return (await created).record;
  }

  async restore(plan: RestorePlan, mayRun?: Promise<unknown>): Promise<RunningMachine> {
    const waiting = this.#prepared.get(plan.machineId);
    this.#prepared.delete(plan.machineId);
    return this.#undoing(plan, async () => {
      let container = await (waiting ?? this.#createFor(plan));
      markStep("container");
      crashPoint("host.machine.loaded");
      await mayRun;
      await askAgain(
        () => restoreInto(container, plan.imageDir),
        async () => {
          await this.destroy(container.record);
          container = await this.#createFor(plan);
        },
      );
      markStep("restore");
      crashPoint("host.machine.resumed");
      return this.#running(container, readImage(plan.imageDir).token);
    });
  }

  async discard(plan: MachinePlan): Promise<void> {
    const container = await this.#prepared.get(plan.machineId)?.catch(() => undefined);
    if (container) await this.destroy(container.record);
  }

  async adopt(record: MachineRecord): Promise<Machine | undefined> {
    if (record.bootId !== hostBootId() || !isAlive(record.pid, record.pidStartTime)) return undefined;
    const files = this.#files(record);
    const build = this.#build(stateOf(record).runscKey);
    const container = { record, files, build, cgroup: this.#options.cgroups.adopt(limitedOf(record)) };
    return new GvisorMachine(container, { isPaused: await isPaused(container) });
  }

  async destroy(record: MachineRecord): Promise<void> {
    this.#prepared.delete(record.machineId);
    await killContainer(record);
    await this.#options.cgroups.of(record.machineId).remove();
    removeMachineFiles(this.#files(record));
  }

  /** After the last machine: what spoke with them ends. */
  close(): Promise<void> {
    return closeCallers();
  }

  get limits(): CgroupStatus {
    return this.#options.cgroups.status;
  }

  ranOutOfMemory(record: MachineRecord): boolean {
    return this.#options.cgroups.of(record.machineId).ranOutOfMemory();
  }

  removeUnnamed(kept: ReadonlySet<string>): Promise<void> {
    return this.#options.cgroups.removeUnnamed(kept);
  }

  /** A container for an image, of which nothing but `gvisor.json` has to be there yet. */
  #createFor(plan: RestorePlan): Promise<Container> {
    const { runscKey, erofs } = readImage(plan.imageDir);
    const root = erofs === undefined ? { copyOf: join(plan.imageDir, DISK) } : { erofs };
    return this.#undoing(plan, () =>
      this.#create(plan, { build: this.#build(runscKey), root, token: newHexId(TOKEN_BYTES), isRestored: true }),
    );
  }

  async #create(
    plan: MachinePlan & { readonly volumes?: readonly VolumePlan[] },
    { build, root, token, isRestored }: { build: RunscBuild; root: Root; token: string; isRestored: boolean },
  ): Promise<Container> {
    const { machineId, slot, size } = plan;
    const files = this.#files(plan);
    const [netns, disks] = await Promise.all([
      readyGuestNetns(slot),
      "erofs" in root ? [] : placeDisks(files, root, plan.volumes),
      makeMachineFiles(files),
    ]);
    const erofs = "erofs" in root ? root.erofs : undefined;
    const { boundsLayer } = build.features;
    const volumeDirs = erofs === undefined ? makeVolumeDirs(files) : [];
    const spec = { slot, size, erofs, boundsLayer, rootDir: rootDir(files), volumeDirs, netns, token, isRestored };
    writeConfig(files, containerSpec(spec));
    const cgroup = this.#options.cgroups.make(machineId, limitedOf(plan).size);
    crashPoint("host.machine.cgroup-made");
    return createContainer({
      plan,
      files,
      build,
      cgroup,
      disks,
      // Not the one in its environment, which everyone inside can read.
      state: { runscKey: build.key, ...(erofs !== undefined && { erofs }), token: newHexId(TOKEN_BYTES) },
      buildKey: buildKeyOf(build, erofs === undefined ? "disk" : "memory"),
    });
  }

  async #running(container: Container, token: string): Promise<RunningMachine> {
    const machine = new GvisorMachine(container);
    try {
      return { machine, channel: await machine.connect(), token };
    } catch (error) {
      await machine.stop();
      throw error;
    }
  }

  #build(key: string): RunscBuild {
    const { build, findBuild } = this.#options;
    const found = key === build.key ? build : findBuild(key);
    if (!found) throw new Error(`the build ${key} of runsc, which this checkpoint needs, is not on this host`);
    return found;
  }

  #files(machine: { machineId: string }): MachineFiles {
    const { layout } = this.#options;
    return { dir: machineRunDir(layout, machine.machineId), poolDir: machineDir(layout, machine.machineId) };
  }

  async #undoing<T>(plan: MachinePlan, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const files = this.#files(plan);
      const pid = readPid(files);
      if (pid !== undefined) killProcess(pid);
      await this.#options.cgroups.of(plan.machineId).remove();
      removeMachineFiles(files);
      throw error;
    }
  }
}

/** A root file system that stays where it is, or a disk: this very one, or a copy of it. */
type Root = { readonly erofs: string } | VolumePlan["source"];

export const buildKeyOf = ({ key }: Pick<RunscBuild, "key">, files: keyof typeof CONTAINER_LAYOUTS): string =>
  `${key}-${CONTAINER_LAYOUTS[files]}`;

const limitedOf = <T extends Pick<MachinePlan, "size">>(machine: T) => ({
  ...machine,
  size: { ...machine.size, overheadMb: SENTRY_MEMORY_MB, maxTasks: SENTRY_MAX_TASKS },
});
