import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crashPoint } from "@pandastack/platform";
import { run } from "../../processes/run.ts";
import { DISK } from "./root-disk.ts";

/**
 * What a machine has on the host, in its run folder, not on the pool: a sandbox's process would keep the pool in use. On the
 * pool is nothing but its disk, where it has one.
 *
 *     config.json  the container, as runsc reads it
 *     root/        empty; where the sandbox has a disk, that is what its processes see here
 *     console      a pipe: what the agent and programs say on the console
 *     console.log  what was read from it
 *     pid          of the sandbox's process, written by runsc
 *     runsc/       runsc's own: state, lock and control socket of this one container
 */
export interface MachineFiles {
  readonly dir: string;
  /** On the pool. Only there where the machine has a disk. */
  readonly poolDir: string;
}

export const diskPath = (files: MachineFiles): string => join(files.poolDir, DISK);
export const configPath = (files: MachineFiles): string => join(files.dir, "config.json");
export const rootDir = (files: MachineFiles): string => join(files.dir, "root");
export const consolePath = (files: MachineFiles): string => join(files.dir, "console");
export const consoleLogPath = (files: MachineFiles): string => join(files.dir, "console.log");
export const pidPath = (files: MachineFiles): string => join(files.dir, "pid");
export const runscRoot = (files: MachineFiles): string => join(files.dir, "runsc");
export const controlSocket = (files: MachineFiles, machineId: string): string =>
  join(runscRoot(files), `runsc-${machineId}.sock`);

export async function makeMachineFiles(files: MachineFiles): Promise<void> {
  mkdirSync(rootDir(files), { recursive: true, mode: 0o755 });
  mkdirSync(runscRoot(files), { recursive: true, mode: 0o711 });
  if (!existsSync(consolePath(files))) await run("mkfifo", ["-m", "0600", "--", consolePath(files)]);
  crashPoint("host.machine.files-made");
}

export function writeConfig(files: MachineFiles, spec: Record<string, unknown>): void {
  writeFileSync(configPath(files), JSON.stringify(spec), { mode: 0o600 });
}

export function removeMachineFiles(files: MachineFiles): void {
  rmSync(files.dir, { recursive: true, force: true });
  rmSync(files.poolDir, { recursive: true, force: true });
}
