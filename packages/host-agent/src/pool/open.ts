import { existsSync } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { growPool } from "./grow.ts";
import { attachLoop, backingFileOf, runWithImage, waitForTools } from "./loop.ts";
import { makePoolImage } from "./make.ts";
import { mountAt } from "./mounts.ts";
import { type PoolLog, poolPaths } from "./paths.ts";
import { supportsReflink } from "./reflink.ts";
import { parseGigabytes, wantedPoolBytes } from "./size.ts";

export interface Pool {
  /** `<data>/pool`. */
  readonly dir: string;
  /** `folder`: the data folder's own file system shares blocks. `loop`: XFS in a file. */
  readonly kind: "folder" | "loop";
}

/**
 * Noatime: reading must not write. No discard: the image's blocks are ours for good. Nouuid: a copied data folder may be mounted
 * beside its original.
 */
const MOUNT_OPTIONS = "noatime,nodiscard,nouuid,logbsize=256k";

/** Makes the pool usable, whatever state it was left in. Repeatable; adopts what is mounted already. */
export async function openPool(options: { dataDir: string; log: PoolLog; env?: NodeJS.ProcessEnv }): Promise<Pool> {
  const { log, env = process.env } = options;
  const dataDir = await realpath(options.dataDir);
  const { image, unfinished, dir } = poolPaths(dataDir);
  await mkdir(dir, { recursive: true, mode: 0o711 });
  await waitForTools(image);
  const mounted = mountAt(dir);
  if (mounted !== undefined) {
    const backing = backingFileOf(mounted.source);
    if (backing !== undefined && backing !== image)
      throw new Error(`${dir} is mounted from ${backing}, which is not this data folder's pool`);
    log.info({ dir, device: mounted.source }, "pool: found mounted");
    return { dir, kind: "loop" };
  }
  if (!existsSync(image)) {
    if (await supportsReflink(dir)) return { dir, kind: "folder" };
    const sizeBytes = await wantedPoolBytes(dataDir, env["PANDASTACK_POOL_GB"]);
    log.info({ image, sizeBytes }, "pool: making the image");
    await makePoolImage({ image, unfinished, sizeBytes });
  }
  const device = await attachLoop(image);
  await runWithImage(image, "mount", ["-t", "xfs", "-o", MOUNT_OPTIONS, device, dir]).catch((error: unknown) => {
    // What a killed opener had left may have been quicker.
    if (mountAt(dir)?.source !== device) throw error;
  });
  log.info({ dir, device }, "pool: mounted");
  const setting = env["PANDASTACK_POOL_GB"];
  // Also finishes a growth that was interrupted after the file had been made longer.
  await growPool({ dataDir, sizeBytes: setting === undefined || setting === "" ? 0 : parseGigabytes(setting), log });
  return { dir, kind: "loop" };
}
