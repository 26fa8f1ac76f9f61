import { realpath, stat } from "node:fs/promises";
import { run } from "../processes/run.ts";
import { loopDevicesOf } from "./loop.ts";
import { allocate } from "./make.ts";
import { mountAt } from "./mounts.ts";
import { type PoolLog, poolPaths } from "./paths.ts";

/** Makes a mounted pool at least this large, file, device and file system; never smaller. Does nothing to a plain folder. */
export async function growPool(options: { dataDir: string; sizeBytes: number; log: PoolLog }): Promise<void> {
  const { image, dir } = poolPaths(await realpath(options.dataDir));
  const [device] = await loopDevicesOf(image);
  if (device === undefined || mountAt(dir) === undefined) return;
  const before = (await stat(image)).size;
  if (options.sizeBytes > before) {
    options.log.info({ image, from: before, to: options.sizeBytes }, "pool: growing");
    await allocate(image, options.sizeBytes);
  }
  if ((await deviceBytes(device)) < (await stat(image)).size) await run("losetup", ["--set-capacity", device]);
  // Says nothing and does nothing when the file system fills its device.
  await run("xfs_growfs", ["-d", dir]);
}

async function deviceBytes(device: string): Promise<number> {
  const { stdout } = await run("blockdev", ["--getsize64", device]);
  return Number(stdout.trim());
}
