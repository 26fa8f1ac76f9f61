import { readFileSync, readdirSync } from "node:fs";

export interface ProcessStat {
  readonly state: string;
  /** Clock ticks since boot (field 22): with the pid, unmistakable until the next boot. */
  readonly startTime: string;
  readonly cpuTicks: number;
  /** Of children that have ended and were waited for. */
  readonly childTicks: number;
  readonly rssPages: number;
}

/** Undefined when there is no such process. A zombie is still one: see `isAlive`. */
export function processStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The name in parentheses may hold anything: count from the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    state: fields[0]!,
    startTime: fields[19]!,
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    childTicks: Number(fields[13]) + Number(fields[14]),
    rssPages: Number(fields[21]),
  };
}

/** Memory that is the process's alone, in RAM or swapped out: not what it shares with a file. 0 when it is gone. */
export function ownMemoryBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0);
    return (kib("RssAnon") + kib("VmSwap")) * 1024;
  } catch {
    return 0;
  }
}

/** True for the process that was meant, not for a later one with its number, nor for a zombie. */
export function isAlive(pid: number, startTime: string): boolean {
  const stat = processStat(pid);
  return stat !== undefined && stat.startTime === startTime && stat.state !== "Z" && stat.state !== "X";
}

/**
 * Also of one that still has its number and answers nothing any more: with its end a process lets go of its memory first, then of
 * its files, and of much memory that takes a while.
 */
export function isEnding(pid: number, startTime: string): boolean {
  if (!isAlive(pid, startTime)) return true;
  try {
    return readFileSync(`/proc/${pid}/cmdline`).length === 0;
  } catch {
    return true;
  }
}

export function killProcess(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Pids of living processes whose real uid is in the set. */
export function processesOfUsers(uids: ReadonlySet<number>): number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
      if (uids.has(uid) && !/^State:\s+[ZX]/m.test(status)) found.push(pid);
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}
