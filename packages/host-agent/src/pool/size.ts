import { statfs } from "node:fs/promises";
import { Refusal } from "@pandastack/platform";

const GIB = 1024 ** 3;
/** Above this a pool is a decision that an operator should take. */
const MAX_DEFAULT_BYTES = 64 * GIB;
/** A template, a few sandboxes and XFS's own log: below it nothing useful fits. */
export const MIN_POOL_BYTES = 6 * GIB;

/** `PANDASTACK_POOL_GB`, else half of what is free, at most 64 GiB. */
export async function defaultPoolBytes(dataDir: string, wantedGb = process.env["PANDASTACK_POOL_GB"]): Promise<number> {
  const { bavail, bsize } = await statfs(dataDir);
  const freeBytes = bavail * bsize;
  if (wantedGb !== undefined) {
    const bytes = Number(wantedGb) * GIB;
    if (!(bytes >= MIN_POOL_BYTES)) {
      throw new Refusal("validation.failed", `PANDASTACK_POOL_GB is ${wantedGb}; a pool needs at least ${MIN_POOL_BYTES / GIB}`);
    }
    return bytes;
  }
  const bytes = Math.min(MAX_DEFAULT_BYTES, Math.floor(freeBytes / 2));
  if (bytes < MIN_POOL_BYTES) {
    const free = (freeBytes / GIB).toFixed(1);
    throw new Refusal("capacity.insufficient_storage", `${dataDir} has ${free} GiB free; the storage pool needs at least ${MIN_POOL_BYTES / GIB} and takes at most half`);
  }
  return bytes;
}
