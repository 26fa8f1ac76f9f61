import { readFileSync } from "node:fs";
import { copyFile, link, rm } from "node:fs/promises";
import { join } from "node:path";
import type {
  BootPlan,
  Machine,
  MachinePlan,
  MachineRecord,
  RestorePlan,
  RunningMachine,
  Runtime,
  VolumePlan,
} from "../runtime.ts";
import { volumeFileName } from "../runtime.ts";
import { bootWorld } from "./guest.ts";
import { DISK_FILE, type FakeBuild, readBuild, readDisk, readImage } from "./image.ts";
import { FakeMachine, placeDisk, type FakeRecord } from "./machine.ts";
import { fakeVolumeImages } from "./volumes.ts";
import type { World } from "./world/world.ts";

const BUILD_KEY = "pandastack-fake-1";

export interface FakeRuntimeOptions {
  /** What it says of itself, for hosts with several: another name, another build, what it can load. */
  readonly as?: Partial<Pick<Runtime, "name" | "isolation" | "buildKey" | "cpuFeatures" | "canLoad">>;
  /** What its images need of the cache. */
  readonly needs?: readonly string[];
  /** Where machines keep their disks, `<dir>/<machine id>/disk.json`: the pool's `machines` folder. */
  readonly dir: string;
}

/**
 * Machines of this process by machine id. They live in its memory and die with it. An agent that is closed and opened again
 * within the process (as tests do) finds them here, as a real one finds VMM processes.
 */
const machines = new Map<string, FakeMachine>();

/** For tests: the machines that live in this process, to provoke a death (`kill`). */
export function fakeMachines(): FakeMachine[] {
  return [...machines.values()];
}

/** A runtime in memory, for the tests of everything above it: the protocol, the states and the files are real, the guest is not. */
export function createFakeRuntime(options: FakeRuntimeOptions): Runtime {
  const { as = {} } = options;
  const name = as.name ?? "fake";
  const buildKey = as.buildKey ?? BUILD_KEY;
  const ofToday: FakeBuild = { buildKey, ...(options.needs && { needs: options.needs }) };
  const folderOf = (machineId: string): string => join(options.dir, machineId);

  async function run(plan: MachinePlan, disk: string, world: World, build: FakeBuild): Promise<RunningMachine> {
    const machine = new FakeMachine(recordOf(plan, disk, { runtime: name, ...build }), disk, world);
    machines.set(plan.machineId, machine);
    void machine.exited.then(() => machines.delete(plan.machineId));
    const channel = await machine.connect();
    machine.start();
    return { machine, channel };
  }

  return {
    isolation: "fake",
    ...as,
    name,
    buildKey,

    imageDisk: DISK_FILE,
    hasOwnDisks: true,

    volumeImages: fakeVolumeImages,

    async boot(plan: BootPlan): Promise<RunningMachine> {
      const disk = await placeDisk(folderOf(plan.machineId), { takeOver: plan.rootDisk });
      const world = bootWorld(await readDisk(disk), Date.now());
      await plugVolumes(world, folderOf(plan.machineId), plan.volumes ?? []);
      return run(plan, disk, world, ofToday);
    },

    async restore(plan: RestorePlan, mayRun?: Promise<unknown>): Promise<RunningMachine> {
      const disk = await placeDisk(folderOf(plan.machineId), { copyOf: join(plan.imageDir, DISK_FILE) });
      const world = await readImage(plan.imageDir, disk);
      await plugVolumes(world, folderOf(plan.machineId), plan.volumes ?? []);
      await mayRun;
      return run(plan, disk, world, await readBuild(plan.imageDir));
    },

    async adopt(record: MachineRecord): Promise<Machine | undefined> {
      const machine = machines.get(record.machineId);
      return machine?.isGone === false ? machine : undefined;
    },

    async destroy(record: MachineRecord): Promise<void> {
      await machines.get(record.machineId)?.stop();
      await rm(folderOf(record.machineId), { recursive: true, force: true });
    },
  };
}

/** The drives that the image's guest had keep what is mounted; the file below it is another. */
async function plugVolumes(world: World, folder: string, volumes: readonly VolumePlan[]): Promise<void> {
  for (const { drive, source } of volumes) {
    const file = join(folder, volumeFileName(drive));
    if ("link" in source) await link(source.link, file);
    else await copyFile(source.copyOf, file);
    const device = `/dev/vd${"bcde"[drive]}`;
    const known = world.volumes.get(device);
    world.volumes.set(device, { mount: known?.mount ?? null, readOnly: known?.readOnly ?? false, file });
  }
}

function recordOf(plan: MachinePlan, disk: string, of: FakeBuild & Pick<FakeRecord, "runtime">): FakeRecord {
  const stat = readFileSync("/proc/self/stat", "latin1");
  return {
    ...of,
    machineId: plan.machineId,
    slot: plan.slot,
    size: plan.size,
    // The machine is part of this process: it lives exactly as long.
    pid: process.pid,
    pidStartTime: stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]!,
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    state: { disk },
  };
}
