import { cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../../../host-agent/src/processes/run.ts";

/** Pools are large and disks are slow. */
const COPY_TIMEOUT_MS = 6 * 3_600_000;

/** A file or folder with everything in it: owners, modes, links among its own files; holes stay holes. */
export async function copyTree(from: string, to: string): Promise<void> {
  await run("cp", ["--archive", "--sparse=always", "--no-target-directory", "--", from, to], {
    timeoutMs: COPY_TIMEOUT_MS,
  });
}

/** The same within a pool: each file as it is at one instant, sharing its blocks; where blocks cannot be shared, copied. */
export async function shareTree(from: string, to: string): Promise<void> {
  await run("cp", ["--archive", "--reflink=auto", "--no-target-directory", "--", from, to], {
    timeoutMs: COPY_TIMEOUT_MS,
  });
}

/**
 * Files that a running program makes, writes and removes meanwhile, but for what `skip` names (paths from `from`). What vanishes
 * between the look and the copy is not needed.
 */
export function copyLiving(from: string, to: string, skip: (path: string) => boolean, inside = ""): void {
  mkdirSync(join(to, inside), { recursive: true, mode: 0o700 });
  for (const entry of readdirSync(join(from, inside), { withFileTypes: true })) {
    const path = join(inside, entry.name);
    if (skip(path)) continue;
    try {
      if (entry.isDirectory()) copyLiving(from, to, skip, path);
      else cpSync(join(from, path), join(to, path), { dereference: false, preserveTimestamps: true });
    } catch (error) {
      if (existsSync(join(from, path))) throw error;
    }
  }
}
