import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crashPoint } from "@pandastack/platform";
import { toolShells } from "../../processes/tool-shells.ts";
import { volumeFileName, type VolumePlan } from "../runtime.ts";
import type { DiskMount } from "./private-mounts.ts";
import { DISK, placeDisk, placeVolumes } from "./root-disk.ts";
import { DRIVES, growUnmounted, volumeDir } from "./volume-mounts.ts";

/**
 * What a machine has on the host, in its run folder, not on the pool: a sandbox's process would keep the pool in use. On the
 * pool is nothing but its disk, where it has one.
 *
 *     config.json  the container, as runsc reads it
 *     volume0-3/   the same of volumes
 *     root/        empty; where the sandbox has a disk, that is what its processes see here
 *     console      a pipe: what the agent and programs say on the console
 *     console.log  what was read from it
 *     pid          of the sandbox's process, written by runsc
 *     paused       there while it is paused
 *     runsc/       runsc's own: state, lock and control socket of this one container
 */
export interface MachineFiles {
  readonly dir: string;
  /** On the pool. Only there where the machine has a disk. */
  readonly poolDir: string;
}

export const diskPath = (files: MachineFiles): string => join(files.poolDir, DISK);
export const volumePath = (files: MachineFiles, drive: number): string => join(files.poolDir, volumeFileName(drive));
export const configPath = (files: MachineFiles): string => join(files.dir, "config.json");
export const rootDir = (files: MachineFiles): string => join(files.dir, "root");
export const consolePath = (files: MachineFiles): string => join(files.dir, "console");
export const consoleLogPath = (files: MachineFiles): string => join(files.dir, "console.log");
export const pidPath = (files: MachineFiles): string => join(files.dir, "pid");
export const pausedPath = (files: MachineFiles): string => join(files.dir, "paused");
export const runscRoot = (files: MachineFiles): string => join(files.dir, "runsc");
export const controlSocket = (files: MachineFiles, machineId: string): string =>
  join(runscRoot(files), `runsc-${machineId}.sock`);

export async function makeMachineFiles(files: MachineFiles): Promise<void> {
  mkdirSync(rootDir(files), { recursive: true, mode: 0o755 });
  mkdirSync(runscRoot(files), { recursive: true, mode: 0o711 });
  if (!existsSync(consolePath(files))) await toolShells.run("mkfifo", 'mkfifo -m 0600 -- "$1"', [consolePath(files)]);
  crashPoint("host.machine.files-made");
}

/** Empty, since volumes are mounted on them where only the machine's processes see it. */
export function makeVolumeDirs(files: MachineFiles): string[] {
  const dirs = DRIVES.map((drive) => volumeDir(files.dir, drive));
  for (const dir of dirs) mkdirSync(dir, { recursive: true, mode: 0o755 });
  return dirs;
}

/** A machine's images, and where each is mounted. */
export async function placeDisks(
  files: MachineFiles,
  root: VolumePlan["source"],
  volumes: readonly VolumePlan[] = [],
): Promise<DiskMount[]> {
  await placeVolumes(files.poolDir, volumes);
  for (const { drive } of volumes) await growUnmounted(volumePath(files, drive));
  const disk = { image: await placeDisk(files.poolDir, root), dir: rootDir(files) };
  return [disk, ...volumes.map(({ drive }) => ({ image: volumePath(files, drive), dir: volumeDir(files.dir, drive) }))];
}

export function writeConfig(files: MachineFiles, spec: Record<string, unknown>): void {
  writeFileSync(configPath(files), JSON.stringify(spec), { mode: 0o600 });
}

export function removeMachineFiles(files: MachineFiles): void {
  rmSync(files.dir, { recursive: true, force: true });
  rmSync(files.poolDir, { recursive: true, force: true });
}
