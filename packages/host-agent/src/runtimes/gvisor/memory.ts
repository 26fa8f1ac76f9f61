import { readdirSync, readlinkSync, statSync } from "node:fs";
import { processStat, ownMemoryBytes } from "../../processes/proc.ts";

const BLOCK_BYTES = 512;
const CLOCK_TICKS_PER_SECOND = 100;

/** What the guest's memory takes: all of it, and the writable layer, is in one nameless file of the sentry's. 0 when it is gone. */
export function guestMemoryBytes(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  try {
    for (const fd of readdirSync(folder)) {
      if (!readlinkSync(`${folder}/${fd}`).startsWith("/memfd:runsc-memory")) continue;
      return statSync(`${folder}/${fd}`).blocks * BLOCK_BYTES;
    }
  } catch (error) {
    if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  return 0;
}

export const sandboxMemoryBytes = (pid: number): number => ownMemoryBytes(pid) + guestMemoryBytes(pid);

/** CPU time of the sentry and of the processes that run the guest's instructions, those that have ended included. */
export function cpuMs(pids: readonly number[]): number {
  const ticks = pids.reduce((sum, pid) => {
    const stat = processStat(pid);
    return sum + (stat ? stat.cpuTicks + stat.childTicks : 0);
  }, 0);
  return (ticks * 1000) / CLOCK_TICKS_PER_SECOND;
}
