import { lstat, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";

export interface PoolSpace {
  readonly totalBytes: number;
  /** What can really be written still: blocks, not the sum of file sizes. */
  readonly availableBytes: number;
}

export async function poolSpace(folder: string): Promise<PoolSpace> {
  const { blocks, bavail, bsize } = await statfs(folder);
  return { totalBytes: blocks * bsize, availableBytes: bavail * bsize };
}

const BLOCK_BYTES = 512;

/** Bytes of the blocks that a file or folder holds; blocks shared by reflink count in each file that has them. */
export async function diskUsage(path: string): Promise<number> {
  const stat = await lstat(path).catch(ignoreMissing);
  if (stat === undefined) return 0;
  const own = stat.blocks * BLOCK_BYTES;
  if (!stat.isDirectory()) return own;
  const names = (await readdir(path).catch(ignoreMissing)) ?? [];
  const inside = await Promise.all(names.map((name) => diskUsage(join(path, name))));
  return inside.reduce((sum, bytes) => sum + bytes, own);
}

/** A file may go away while its folder is being counted. */
function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}
