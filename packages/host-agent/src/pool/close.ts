import { setTimeout as delay } from "node:timers/promises";
import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { CommandFailed, run } from "../processes/run.ts";
import { detachLoop, loopDevicesOf, usersOf } from "./loop.ts";
import { mountAt } from "./mounts.ts";
import { type PoolLog, poolPaths } from "./paths.ts";

const BUSY_TIMEOUT_MS = 5_000;
const BUSY_INTERVAL_MS = 50;

/** Unmounts the pool and gives its loop device back. Repeatable. Throws with the names of those who use it while it is busy. */
export async function closePool(options: { dataDir: string; log: PoolLog; timeoutMs?: number }): Promise<void> {
  if (!existsSync(options.dataDir)) return;
  const { image, dir } = poolPaths(await realpath(options.dataDir));
  const end = performance.now() + (options.timeoutMs ?? BUSY_TIMEOUT_MS);
  // More than once where a killed opener mounted it twice.
  while (mountAt(dir) !== undefined) {
    try {
      await run("umount", [dir]);
    } catch (error) {
      // Someone who has just been killed may not be quite gone.
      if (!(error instanceof CommandFailed) || performance.now() >= end)
        throw new Error(busyText(dir), { cause: error });
      await delay(BUSY_INTERVAL_MS);
    }
  }
  for (const device of await loopDevicesOf(image)) await detachLoop(device);
  // The kernel detaches once the last namespace that has it mounted lets go.
  while ((await loopDevicesOf(image)).length > 0) {
    if (performance.now() >= end)
      throw new Error(
        `the loop device of ${image} is still in use, perhaps in a mount namespace of a process that lives`,
      );
    await delay(BUSY_INTERVAL_MS);
  }
  options.log.info({ dir }, "pool: closed");
}

function busyText(dir: string): string {
  const users = usersOf(dir).map(({ pid, command }) => `${pid} (${command})`);
  return `the pool ${dir} is in use and can't be unmounted${users.length > 0 ? `, by ${users.join(", ")}` : ""}`;
}
