import { statfs } from "node:fs/promises";
import { poolDir } from "./pool.ts";

export interface PoolSpace {
  readonly totalBytes: number;
  /** Real blocks: reflinked data counts once. */
  readonly availableBytes: number;
}

export async function poolSpace(dataDir: string): Promise<PoolSpace> {
  const { blocks, bavail, bsize } = await statfs(poolDir(dataDir));
  return { totalBytes: blocks * bsize, availableBytes: bavail * bsize };
}
