import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

/**
 * flock(2), which Node does not have. The lock belongs to the open file description, so `flock` may take it on a descriptor
 * that it inherits from us and exit: it stays ours until we close the file or die in whatever way. Children do not inherit the
 * descriptor (Node opens close-on-exec).
 */
export interface FileLock {
  release(): void;
}

/** The lock, or undefined when another process holds it. */
export function tryLock(path: string): FileLock | undefined {
  const fd = openLockFile(path);
  const { status, error } = spawnSync("flock", ["--nonblock", "3"], { stdio: ["ignore", "ignore", "ignore", fd] });
  if (status === 0) return { release: () => closeSync(fd) };
  closeSync(fd);
  if (error !== undefined) throw error;
  return undefined;
}

/** Waits for the lock; calls `onWait` once if it is not free at once. */
export async function lock(path: string, onWait: () => void = () => {}): Promise<FileLock> {
  const free = tryLock(path);
  if (free !== undefined) return free;
  onWait();
  const fd = openLockFile(path);
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn("setpriv", ["--pdeathsig=KILL", "--", "flock", "3"], {
        stdio: ["ignore", "ignore", "ignore", fd],
      });
      child.on("error", reject);
      child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`cannot lock ${path}`))));
    });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { release: () => closeSync(fd) };
}

function openLockFile(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  return openSync(path, "a", 0o600);
}
