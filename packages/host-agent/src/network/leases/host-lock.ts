import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { Fault, withTimeout } from "@pandastack/platform";

const LOCK_TIMEOUT_S = 30;

/**
 * Does `work` while no other server on the host does its own: the first start remembers the host's settings, the last stop
 * puts them back. The kernel's lock on the folder, held by `flock` for as long as our end of a pipe is open: it cannot
 * outlive us. The folder is never removed, so all servers mean the same one.
 */
export async function withHostLock<T>(runDir: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(runDir, { recursive: true, mode: 0o755 });
  const holder = spawn("flock", ["--timeout", String(LOCK_TIMEOUT_S), runDir, "cat"], {
    stdio: ["pipe", "pipe", "ignore"],
    // A signal to our whole group must not take the lock away in the middle of a stop.
    detached: true,
  });
  const held = new Promise<void>((resolve, reject) => {
    // cat runs, and so answers, once the lock is ours.
    holder.stdout.once("data", resolve);
    holder.once("error", reject);
    holder.once("exit", (code) =>
      reject(new Fault("host.unavailable", `${runDir} is locked by another server (flock ended with ${code})`)),
    );
  });
  holder.stdin.on("error", () => undefined);
  holder.stdin.write("locked?\n");
  try {
    await withTimeout(held, (LOCK_TIMEOUT_S + 5) * 1000, `no lock on ${runDir}`);
    return await work();
  } finally {
    holder.stdin.end();
  }
}
