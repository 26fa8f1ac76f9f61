import { statSync } from "node:fs";
import { join } from "node:path";
import { run } from "../processes/run.ts";
import { loopDevicesOf } from "./loop.ts";
import { poolDir } from "./pool.ts";

const GROW_TIMEOUT_MS = 600_000;

/** Makes a mounted pool on a loop file larger; a smaller size than it has changes nothing. */
export async function growPool(options: { dataDir: string; bytes: number }): Promise<void> {
  const file = join(options.dataDir, "pool.img");
  if (options.bytes <= statSync(file).size) return;
  await run("fallocate", ["--length", String(options.bytes), "--", file], { timeoutMs: GROW_TIMEOUT_MS });
  for (const device of await loopDevicesOf(file)) await run("losetup", ["--set-capacity", device]);
  await run("xfs_growfs", [poolDir(options.dataDir)], { timeoutMs: GROW_TIMEOUT_MS });
}
