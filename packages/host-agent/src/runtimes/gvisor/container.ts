import { closeSync, readFileSync } from "node:fs";
import { crashPoint, Fault, waitFor } from "@pandastack/platform";
import type { MachineCgroup } from "../../cgroups/index.ts";
import { hostBootId } from "../../files/host-boot.ts";
import { isAlive, isEnding, killProcess, processStat } from "../../processes/proc.ts";
import type { MachinePlan, MachineRecord } from "../runtime.ts";
import { Console, openConsole } from "./console.ts";
import { findGofer, type Gofer } from "./gofer.ts";
import { pidPath, runscRoot, type MachineFiles } from "./machine-files.ts";
import { execute, runscCommand, type RunscBuild } from "./runsc.ts";
import { withPrivateMounts, type DiskMount } from "./private-mounts.ts";
import { userMappings } from "./user-range.ts";

const EXIT_TIMEOUT_MS = 10_000;

/** A sandbox's process and the way to command it. */
export interface Container {
  readonly record: MachineRecord;
  readonly files: MachineFiles;
  readonly build: RunscBuild;
  readonly cgroup: MachineCgroup;
}

/** What the journal keeps of a machine beside its process. */
export interface GvisorState extends Record<string, unknown> {
  readonly runscKey: string;
  /** Absent: its root is a disk. */
  readonly erofs?: string;
  /** Absent: it has none, or an earlier host agent started it and nobody looks after its gofer. */
  readonly gofer?: Gofer;
  /** What the agent asks a host for, from the machine's first HELLO on. */
  readonly token: string;
}

export const stateOf = (record: MachineRecord): GvisorState => record.state as GvisorState;

/** Makes a container out of the bundle in its folder: a sandbox process without a guest, in its cgroup from its first instruction. */
export async function createContainer(options: {
  plan: MachinePlan;
  files: MachineFiles;
  build: RunscBuild;
  cgroup: MachineCgroup;
  state: GvisorState;
  disks: readonly DiskMount[];
  buildKey: string;
}): Promise<Container> {
  const { plan, files, build, cgroup, disks } = options;
  const { machineId, slot, size } = plan;
  const argv = ["create", "--bundle", files.dir, "--pid-file", pidPath(files), machineId];
  const console = openConsole(files);
  try {
    const create = runscCommand(build, runscRoot(files), argv);
    await execute(cgroup.joining(withPrivateMounts(create, { disks, users: userMappings(slot) })), console);
  } catch (error) {
    throw new Error(`the sandbox's process did not start: ${new Console(files).read().text.slice(-2000)}`, {
      cause: error,
    });
  } finally {
    closeSync(console);
  }
  crashPoint("host.machine.started");
  const pid = readPid(files)!;
  const stat = processStat(pid);
  if (!stat) throw new Error(`the sandbox's process is gone: ${new Console(files).read().text.slice(-2000)}`);
  const gofer = findGofer(files, machineId);
  const record: MachineRecord = {
    runtime: "gvisor",
    machineId,
    slot,
    size: { cpus: size.cpus, memoryMb: size.memoryMb },
    pid,
    pidStartTime: stat.startTime,
    bootId: hostBootId(),
    buildKey: options.buildKey,
    needs: [build.path, ...(options.state.erofs === undefined ? [] : [options.state.erofs])],
    state: { ...options.state, ...(gofer && { gofer }) },
  };
  return { record, files, build, cgroup };
}

/** A command about a container that is there. */
export function command(container: Container, ...argv: readonly string[]): Promise<void> {
  const { build, files } = container;
  return toLiving(container, () => execute(runscCommand(build, runscRoot(files), argv)));
}

/** What is asked of one whose process has died meanwhile is the world's fault, and soon known to all. */
export async function toLiving({ record }: Container, asked: () => Promise<void>): Promise<void> {
  try {
    await asked();
  } catch (error) {
    if (!isEnding(record.pid, record.pidStartTime)) throw error;
    throw new Fault("sandbox.guest_unreachable", "the sandbox's process has ended", { cause: error });
  }
}

/** The pid that runsc wrote down; undefined when it had not come that far. */
export function readPid(files: MachineFiles): number | undefined {
  try {
    return Number(readFileSync(pidPath(files), "utf8")) || undefined;
  } catch {
    return undefined;
  }
}

/** Ends the process at once, which ends all that it runs, and waits until it is gone. */
export async function killContainer(record: MachineRecord): Promise<void> {
  if (record.bootId !== hostBootId() || !isAlive(record.pid, record.pidStartTime)) return;
  killProcess(record.pid);
  await waitFor(() => !isAlive(record.pid, record.pidStartTime), {
    timeoutMs: EXIT_TIMEOUT_MS,
    intervalMs: 1,
    message: `the sandbox's process ${record.pid} did not end after SIGKILL`,
  });
}
