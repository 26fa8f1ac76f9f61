import { constants, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { Fault, type Logger } from "@pandastack/platform";
import { run } from "../processes/run.ts";
import { attachLoop, detachLoop, loopDevicesOf, mountedDevice } from "./loop.ts";
import { defaultPoolBytes } from "./size.ts";

/** Allocating and formatting tens of gigabytes on a slow disk. */
const MAKE_TIMEOUT_MS = 600_000;
const UNMOUNT_TIMEOUT_MS = 60_000;

type PoolOptions = { dataDir: string; log: Pick<Logger, "info" | "warn"> };

export const poolDir = (dataDir: string): string => join(dataDir, "pool");
const poolFile = (dataDir: string): string => join(dataDir, "pool.img");

/**
 * Makes the pool available at `<data>/pool`: a file system with reflinks. Where the data folder's own has them, a folder of
 * it; else XFS on a loop file that is allocated in full, so that it cannot run out behind XFS's back. What a former agent
 * left mounted is taken over. May be killed and repeated at any instruction.
 */
export async function openPool(options: PoolOptions): Promise<string> {
  const { dataDir, log } = options;
  const dir = poolDir(dataDir);
  mkdirSync(dir, { recursive: true, mode: 0o711 });
  if (await mountedDevice(dir)) return dir;
  if (!existsSync(poolFile(dataDir))) {
    if (await hasReflinks(dataDir)) return dir;
    await makePoolFile(options);
  }
  const [attached] = await loopDevicesOf(poolFile(dataDir));
  const device = attached ?? (await attachLoop(poolFile(dataDir)));
  await run("mount", ["-t", "xfs", "-o", "noatime", "--", device, dir], { timeoutMs: UNMOUNT_TIMEOUT_MS });
  log.info({ device }, "storage pool mounted");
  return dir;
}

/** Unmounts and detaches. Refuses while something of the pool is in use: then a machine lives on that should not. */
export async function closePool(options: PoolOptions): Promise<void> {
  const dir = poolDir(options.dataDir);
  if (await mountedDevice(dir)) {
    try {
      await run("umount", ["--", dir], { timeoutMs: UNMOUNT_TIMEOUT_MS });
    } catch (error) {
      throw new Fault("internal.error", "the storage pool is in use and stays mounted", { cause: error });
    }
  }
  if (!existsSync(poolFile(options.dataDir))) return;
  for (const device of await loopDevicesOf(poolFile(options.dataDir))) await detachLoop(device);
}

/** Written beside and renamed: a pool file with its name is whole. */
async function makePoolFile({ dataDir, log }: PoolOptions): Promise<void> {
  const temporary = `${poolFile(dataDir)}.tmp`;
  const bytes = await defaultPoolBytes(dataDir);
  log.info({ gib: Math.round(bytes / 1024 ** 3) }, "making the storage pool");
  rmSync(temporary, { force: true });
  writeFileSync(temporary, "", { mode: 0o600 });
  await run("fallocate", ["--length", String(bytes), "--", temporary], { timeoutMs: MAKE_TIMEOUT_MS });
  // -K: without it mkfs discards, which would give the allocation back.
  await run("mkfs.xfs", ["-q", "-K", "-m", "reflink=1", "--", temporary], { timeoutMs: MAKE_TIMEOUT_MS });
  await rename(temporary, poolFile(dataDir));
}

/** Found out by trying: no list of file systems tells it (an XFS may be made without). */
async function hasReflinks(dir: string): Promise<boolean> {
  const probe = join(dir, `.reflink-probe-${process.pid}`);
  writeFileSync(probe, "reflink?");
  try {
    await copyFile(probe, `${probe}.copy`, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { force: true });
    rmSync(`${probe}.copy`, { force: true });
  }
}
