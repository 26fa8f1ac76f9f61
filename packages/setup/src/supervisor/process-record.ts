import { readFileSync, readdirSync, rmSync } from "node:fs";
import { isAlive, killProcess, processStat } from "../../../host-agent/src/processes/proc.ts";
import { waitFor } from "../tools/wait.ts";
import { writeFileWhole } from "../tools/write-file-whole.ts";

/** A process, unmistakably: pids come round again, pids with their start time don't until the next boot. */
export interface ProcessRecord {
  readonly pid: number;
  readonly startTime: string;
}

export function recordOf(pid: number): ProcessRecord | undefined {
  const stat = processStat(pid);
  return stat === undefined ? undefined : { pid, startTime: stat.startTime };
}

export const isRunning = (record: ProcessRecord): boolean => isAlive(record.pid, record.startTime);

/** SIGKILL, and waits until it is gone. Nothing happens when it is gone already. */
export async function killAndWait(record: ProcessRecord, what: string): Promise<void> {
  if (isRunning(record)) killProcess(record.pid, "SIGKILL");
  await waitFor(() => !isRunning(record) && !hasThreads(record), {
    timeoutMs: 10_000,
    message: `${what} (pid ${record.pid}) does not die`,
  });
}

/** A dead process's first thread is a zombie at once, while others may still be on their way out with its sockets open. */
function hasThreads(record: ProcessRecord): boolean {
  if (processStat(record.pid)?.startTime !== record.startTime) return false;
  try {
    return readdirSync(`/proc/${record.pid}/task`).length > 1;
  } catch {
    return false;
  }
}

export function saveRecord(file: string, record: ProcessRecord): void {
  writeFileWhole(file, JSON.stringify(record), 0o600);
}

export function readRecord(file: string): ProcessRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessRecord;
  } catch {
    return undefined;
  }
}

export function forgetRecord(file: string): void {
  rmSync(file, { force: true });
}
