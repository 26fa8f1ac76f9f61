import { join } from "node:path";
import type { Duplex } from "node:stream";
import { createHash } from "node:crypto";
import { crashPoint, invariant, markStep } from "@pandastack/platform";
import type { Isolation } from "@pandastack/contracts/host";
import type { Cgroups, CgroupStatus } from "../../cgroups/index.ts";
import { machineDir, machineRunDir, type HostLayout } from "../../files/layout.ts";
import type { Artifacts } from "../../images/artifacts.ts";
import { killProcess } from "../../processes/proc.ts";
import type {
  BootPlan,
  Machine,
  MachineRecord,
  MachinePlan,
  RestorePlan,
  RunningMachine,
  Runtime,
} from "../runtime.ts";
import type { NetworkSlot } from "../../network/slot.ts";
import { keepChanges, mappedFor, readChanges } from "./changes.ts";
import { JAIL_INITRD, JAIL_KERNEL, MACHINE_LAYOUT, qemuArguments, type CommandLineOptions } from "./command-line.ts";
import { EMULATED_CPU, cpuFeaturesKey, hostTscKhz } from "./cpu-features.ts";
import { jailCommand } from "./jail.ts";
import {
  DISK,
  MEMORY,
  catchUp,
  isImageWhole,
  linkMemory,
  makeEmptyMemory,
  makeMachineFiles,
  placeDisk,
  removeMachineFiles,
  type MachineFiles,
} from "./machine-files.ts";
import { QemuMachine } from "./machine.ts";
import { MemoryDumper } from "./memory-dump.ts";
import { shapeVmm } from "./shape.ts";
import { announceVolume, plugVolumes } from "./volumes.ts";
import { connectAgent, killVmm, readVmmPid, reconnectVmm, startVmm, type Vmm } from "./vmm.ts";

/** QEMU's `microvm` machine: on KVM where it was shown to work, else emulated. One command line for both. */
export class QemuRuntime implements Runtime {
  readonly name = "qemu" as const;
  readonly isolation: Isolation;
  readonly imageDisk = DISK;
  readonly buildKey: string;
  readonly #artifacts: Artifacts;
  readonly #layout: HostLayout;
  readonly #cgroups: Cgroups;
  readonly #kvm: boolean;
  readonly #dumper = new MemoryDumper();
  /** VMMs without memory and disk that wait for any image. */
  readonly #blanks = new Map<string, Promise<Vmm>>();
  /** Empty VMMs that wait for their restore, with the guest's channel already connected. */
  readonly #prepared = new Map<string, Promise<EmptyVmm>>();

  constructor(options: { artifacts: Artifacts; layout: HostLayout; cgroups: Cgroups; kvm: boolean }) {
    this.#artifacts = options.artifacts;
    this.#layout = options.layout;
    this.#cgroups = options.cgroups;
    this.#kvm = options.kvm;
    this.isolation = options.kvm ? "microvm-kvm" : "microvm-tcg";
    this.buildKey = createHash("sha256")
      .update(
        JSON.stringify([
          options.artifacts.vmm.key,
          MACHINE_LAYOUT,
          options.kvm,
          options.kvm ? cpuFeaturesKey() : `${EMULATED_CPU} ${hostTscKhz()}`,
        ]),
      )
      .digest("hex");
    this.#dumper.warm();
  }

  async boot(plan: BootPlan): Promise<RunningMachine> {
    const files = this.#files(plan);
    return this.#undoing(plan, async () => {
      await makeMachineFiles(files, plan.slot, this.#kvm);
      makeEmptyMemory(files, plan.size.memoryMb);
      await placeDisk(files, plan.slot, { takeOver: plan.rootDisk });
      const vmm = await this.#start(plan, files, { kind: "boot", durable: plan.durable });
      await plugVolumes(vmm, plan.volumes ?? []);
      const channel = await connectAgent(vmm);
      await vmm.qmp.command("cont");
      return { machine: new QemuMachine(vmm, this.#dumper, channel), channel };
    });
  }

  async prepareBlank(plan: MachinePlan): Promise<MachineRecord> {
    const started = this.#startBlank(plan);
    this.#blanks.set(plan.machineId, started);
    started.catch(() => this.#blanks.delete(plan.machineId));
    return (await started).record;
  }

  /** Those that wait have a disk that is not durable. */
  preparedAlike(imageDir: string, durable: boolean): string | undefined {
    return durable ? undefined : mappedFor(imageDir);
  }

  async prepare(plan: RestorePlan): Promise<MachineRecord> {
    const waiting = this.#prepared.get(plan.machineId);
    if (waiting) return (await waiting).vmm.record;
    const started = this.#startEmpty(plan);
    this.#prepared.set(plan.machineId, started);
    started.catch(() => this.#prepared.delete(plan.machineId));
    return (await started).vmm.record;
  }

  async restore(plan: RestorePlan, mayRun?: Promise<unknown>): Promise<RunningMachine> {
    const waiting = this.#prepared.get(plan.machineId);
    this.#prepared.delete(plan.machineId);
    return this.#undoing(plan, async () => {
      const empty = await (waiting ?? this.#startEmpty(plan));
      const { vmm, channel } = empty;
      markStep("vmm");
      const { volumes = [] } = plan;
      await this.#adapt(empty, plan);
      await plugVolumes(vmm, volumes);
      await loadDevices(vmm);
      markStep("devices");
      crashPoint("host.machine.loaded");
      await mayRun;
      await vmm.qmp.command("cont");
      markStep("continue");
      // Only now: until a machine runs, QEMU lets nobody resize its drives.
      await Promise.all(volumes.map(({ drive }) => announceVolume(vmm.qmp, vmm.files, drive)));
      crashPoint("host.machine.resumed");
      return { machine: new QemuMachine(vmm, this.#dumper, channel), channel };
    });
  }

  async discard(plan: MachinePlan): Promise<void> {
    const empty = await this.#prepared.get(plan.machineId);
    const record = empty?.vmm.record ?? (await this.#blanks.get(plan.machineId))?.record;
    if (record) await this.destroy(record);
  }

  async adopt(record: MachineRecord): Promise<Machine | undefined> {
    const vmm = await reconnectVmm(record, this.#files(record), this.#cgroups);
    return vmm && new QemuMachine(vmm, this.#dumper);
  }

  async destroy(record: MachineRecord): Promise<void> {
    this.#blanks.delete(record.machineId);
    this.#prepared.delete(record.machineId);
    await killVmm(record);
    await this.#cgroups.of(record.machineId).remove();
    removeMachineFiles(this.#files(record));
  }

  get limits(): CgroupStatus {
    return this.#cgroups.status;
  }

  ranOutOfMemory(record: MachineRecord): boolean {
    return this.#cgroups.of(record.machineId).ranOutOfMemory();
  }

  removeUnnamed(kept: ReadonlySet<string>): Promise<void> {
    return this.#cgroups.removeUnnamed(kept);
  }

  async close(): Promise<void> {
    await this.#dumper.close();
  }

  /** A VMM in its jail with the image's memory mapped and its disk copied, nothing loaded and nothing run. */
  async #startEmpty(plan: RestorePlan): Promise<EmptyVmm> {
    const files = this.#files(plan);
    const blank = this.#blanks.get(plan.machineId) ?? this.#startBlank(plan);
    this.#blanks.delete(plan.machineId);
    return this.#undoing(plan, async () => {
      const vmm = await blank;
      const imageWasWhole = isImageWhole(plan.imageDir);
      linkMemory(files, plan.imageDir);
      await placeDisk(files, plan.slot, { copyOf: join(plan.imageDir, DISK) });
      await shapeVmm(vmm.qmp, { memoryMb: plan.size.memoryMb, durable: plan.durable });
      const channel = await connectAgent(vmm);
      return { vmm, channel, imageDir: plan.imageDir, imageWasWhole };
    });
  }

  /** Makes an empty VMM, which may have waited for another image, this plan's own. */
  async #adapt(empty: EmptyVmm, { imageDir }: RestorePlan): Promise<void> {
    const { vmm } = empty;
    const isForeign = empty.imageDir !== imageDir;
    if (!isForeign) keepChanges(imageDir, vmm.files.dir);
    await Promise.all([
      catchUp(vmm.files, { imageDir, slot: vmm.record.slot, diskIsOld: isForeign || !empty.imageWasWhole }),
      ...(isForeign ? [this.#placeChanges(vmm, imageDir)] : []),
    ]);
  }

  async #placeChanges({ record, files }: Vmm, imageDir: string): Promise<void> {
    const changes = readChanges(imageDir);
    invariant(changes, "an image that takes another's VMM says how it differs");
    const memoryFile = join(files.dir, MEMORY);
    await this.#dumper.place({ pid: record.pid, memoryFile, source: join(imageDir, MEMORY), runs: changes.runs });
  }

  #startBlank(plan: MachinePlan): Promise<Vmm> {
    const files = this.#files(plan);
    return this.#undoing(plan, async () => {
      await makeMachineFiles(files, plan.slot, this.#kvm);
      return this.#start(plan, files, { kind: "blank" });
    });
  }

  #start(plan: MachinePlan, files: MachineFiles, start: CommandLineOptions["start"]): Promise<Vmm> {
    const { kernel, initrd, vmm } = this.#artifacts;
    const readOnlyFiles =
      start.kind === "boot"
        ? [
            { from: kernel.path, to: JAIL_KERNEL },
            { from: initrd.path, to: JAIL_INITRD },
          ]
        : [];
    const command = (infoFd: number) => [
      ...jailCommand({
        slot: plan.slot,
        vmmRoot: vmm.root,
        machineDir: files.dir,
        runDir: files.runDir,
        nodesDir: files.nodesDir,
        readOnlyFiles,
        withKvm: this.#kvm,
        infoFd,
      }),
      ...qemuArguments({
        qemuPath: vmm.qemuPath,
        kvm: this.#kvm,
        size: plan.size,
        tap: plan.slot.tap,
        mac: plan.slot.mac,
        start,
      }),
    ];
    const cgroup = this.#cgroups.make(plan.machineId, plan.size);
    crashPoint("host.machine.cgroup-made");
    return startVmm({ plan, files, cgroup, command });
  }

  #files(machine: { machineId: string; slot: NetworkSlot }): MachineFiles {
    return {
      dir: machineDir(this.#layout, machine.machineId),
      runDir: machineRunDir(this.#layout, machine.machineId),
      nodesDir: join(this.#layout.poolDir, "nodes", String(machine.slot.uid)),
    };
  }

  async #undoing<T>(plan: MachinePlan, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const files = this.#files(plan);
      const pid = readVmmPid(files);
      if (pid !== undefined) killProcess(pid);
      await this.#cgroups.of(plan.machineId).remove();
      removeMachineFiles(files);
      throw error;
    }
  }
}

interface EmptyVmm {
  readonly vmm: Vmm;
  readonly channel: Duplex;
  /** Whose memory it has mapped. */
  readonly imageDir: string;
  readonly imageWasWhole: boolean;
}

/** QEMU leaves `inmigrate` when the load is done; it takes 1–3 ms, so asking again at once beats waiting for an event. */
async function loadDevices(vmm: Vmm): Promise<void> {
  await vmm.qmp.command("migrate-incoming", { uri: "file:/vm/devices" });
  for (;;) {
    const { status } = (await vmm.qmp.command("query-status")) as { status: string };
    if (status !== "inmigrate") return;
  }
}
