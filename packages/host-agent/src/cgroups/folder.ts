import { existsSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { killProcess } from "../processes/proc.ts";
import type { Setting } from "./limits.ts";

/** The kernel lets go of an ended process within milliseconds; one in uninterruptible I/O takes as long as that. */
const EMPTY_TIMEOUT_MS = 10_000;
const EMPTY_POLL_MS = 2;

export function applySettings(folder: string, settings: readonly Setting[]): void {
  for (const { file, value, optional } of settings) {
    const path = join(folder, file);
    if (optional && !existsSync(path)) continue;
    try {
      writeFileSync(path, value);
    } catch (error) {
      if (!optional) throw error;
    }
  }
}

export function processesIn(folder: string): number[] {
  try {
    return readFileSync(join(folder, "cgroup.procs"), "utf8")
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

/** Ends whatever is inside and removes it. Repeatable. */
export async function removeCgroup(folder: string): Promise<void> {
  const end = performance.now() + EMPTY_TIMEOUT_MS;
  while (!removed(folder)) {
    if (performance.now() > end)
      throw new Error(`${folder} could not be removed: processes ${processesIn(folder).join(", ") || "none"} in it`);
    for (const pid of processesIn(folder)) killProcess(pid);
    await delay(EMPTY_POLL_MS);
  }
}

/** Removes it where nothing is inside, else leaves it. */
export function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!["EBUSY", "ENOENT", "ENOTEMPTY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

function removed(folder: string): boolean {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EBUSY") return false;
    if (code !== "ENOENT") throw error;
  }
  return true;
}

export function childrenOf(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((child) => child.isDirectory())
      .map((child) => child.name);
  } catch {
    return [];
  }
}
