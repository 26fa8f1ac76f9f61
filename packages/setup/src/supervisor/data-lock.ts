import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { processStat } from "../../../host-agent/src/processes/proc.ts";
import { type FileLock, tryLock } from "../tools/file-lock.ts";
import { waitFor } from "../tools/wait.ts";
import { writeFileWhole } from "../tools/write-file-whole.ts";
import { isRunning, killAndWait, type ProcessRecord, recordOf } from "./process-record.ts";

/** Someone else serves this data folder. The text is for the user. */
export class DataFolderInUse extends Error {
  override readonly name = "DataFolderInUse";
}

interface Holder extends ProcessRecord {
  /** The processes that the user started it by: npm and its shell. */
  readonly launchers: readonly ProcessRecord[];
}

/**
 * One supervisor for a data folder. A supervisor whose npm was killed (kill -9 does not reach children) is no one's any more:
 * it went on serving until now, and makes room for the one that was started by someone.
 */
export async function lockDataDir(dataDir: string, launcherPids: string | undefined): Promise<FileLock> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, "lock");
  const holderFile = join(dataDir, "lock-holder.json");
  let held = tryLock(path);
  if (held === undefined) {
    const holder = readHolder(holderFile);
    if (holder === undefined || !isOrphan(holder)) throw new DataFolderInUse(inUseText(dataDir, holder));
    await killAndWait(holder, "the supervisor that was left behind");
    await waitFor(() => (held = tryLock(path)) !== undefined, { timeoutMs: 5_000, message: `cannot lock ${path}` });
  }
  const launchers = (launcherPids ?? "")
    .split(",")
    .map(Number)
    .filter((pid) => pid > 1)
    .flatMap((pid) => recordOf(pid) ?? []);
  const self: Holder = { pid: process.pid, startTime: processStat(process.pid)?.startTime ?? "", launchers };
  writeFileWhole(holderFile, JSON.stringify(self), 0o600);
  return held as FileLock;
}

function isOrphan(holder: Holder): boolean {
  return isRunning(holder) && holder.launchers.some((launcher) => !isRunning(launcher));
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}

function inUseText(dataDir: string, holder: Holder | undefined): string {
  const who = holder === undefined ? "Another PandaStack server" : `Another PandaStack server (pid ${holder.pid})`;
  return `${who} uses ${dataDir}. Stop it, or choose another folder with PANDASTACK_DATA_DIR (and another port with PANDASTACK_LISTEN).`;
}
