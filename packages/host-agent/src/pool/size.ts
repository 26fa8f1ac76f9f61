import { statfs } from "node:fs/promises";

const GB = 1024 ** 3;
const LARGEST_DEFAULT_BYTES = 64 * GB;
/** mkfs.xfs refuses less than 300 MB; one template and one sandbox want more. */
const SMALLEST_BYTES = GB / 2;
/** What the pool's file must leave to everything else on its disk. */
const LEFT_FREE_BYTES = GB;

/** Size from PANDASTACK_POOL_GB, else half of what is free, at most 64 GB. Whole megabytes. */
export async function wantedPoolBytes(dataDir: string, setting: string | undefined): Promise<number> {
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  const bytes =
    setting === undefined || setting === "" ? Math.min(free / 2, LARGEST_DEFAULT_BYTES) : parseGigabytes(setting);
  if (bytes < SMALLEST_BYTES)
    throw new Error(`a pool needs ${SMALLEST_BYTES / GB} GB; ${inGb(free)} GB are free in ${dataDir}`);
  if (bytes > free - LEFT_FREE_BYTES) {
    throw new Error(
      `a pool of ${inGb(bytes)} GB does not fit in ${dataDir}: ${inGb(free)} GB are free. Set PANDASTACK_POOL_GB or free some space`,
    );
  }
  return wholeMegabytes(bytes);
}

export function parseGigabytes(setting: string): number {
  const gigabytes = Number(setting);
  if (!Number.isFinite(gigabytes) || gigabytes <= 0)
    throw new Error(`PANDASTACK_POOL_GB is a number of gigabytes, not "${setting}"`);
  return wholeMegabytes(gigabytes * GB);
}

function wholeMegabytes(bytes: number): number {
  return Math.floor(bytes / 1024 ** 2) * 1024 ** 2;
}

function inGb(bytes: number): string {
  return (bytes / GB).toFixed(1);
}
