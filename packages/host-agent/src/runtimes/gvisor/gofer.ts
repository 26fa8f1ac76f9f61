import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, processStat } from "../../processes/proc.ts";
import { runscRoot, type MachineFiles } from "./machine-files.ts";

/** The process that serves a machine's disk and volumes to its sentry. */
export interface Gofer extends Record<string, unknown> {
  readonly pid: number;
  readonly startTime: string;
}

/** What runsc wrote down of a container that it has just made; undefined where it has no gofer, or a build of another time keeps it elsewhere. */
export function findGofer(files: MachineFiles, machineId: string): Gofer | undefined {
  const path = join(runscRoot(files), `${machineId}_sandbox:${machineId}.state`);
  if (!existsSync(path)) return undefined;
  const { goferPid } = JSON.parse(readFileSync(path, "utf8")) as { goferPid?: number };
  const stat = goferPid ? processStat(goferPid) : undefined;
  return stat && { pid: goferPid!, startTime: stat.startTime };
}

/**
 * Nothing tells of a gofer's end: it is nobody's child, the sentry keeps its connection to itself and, once restored, does not
 * look at it, and Node knows no pidfd. So it is looked for, one small read a time. Four times a second: a death is to be known
 * within one.
 */
const LOOK_MS = 250;

/** Calls `lost` once, when the gofer has ended. Returns what ends the watch. */
export function watchGofer({ pid, startTime }: Gofer, lost: () => void): () => void {
  const timer = setInterval(() => {
    if (isAlive(pid, startTime)) return;
    clearInterval(timer);
    lost();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
