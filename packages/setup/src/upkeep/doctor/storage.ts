import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { statfsSync } from "node:fs";
import { mountAt } from "../../../../host-agent/src/pool/mounts.ts";
import { poolPaths } from "../../../../host-agent/src/pool/paths.ts";
import { supportsReflink } from "../../../../host-agent/src/pool/reflink.ts";
import { type Finding, gib, note, ok, problem, unknown } from "./finding.ts";

const LITTLE_DISK_BYTES = 5 * 1024 ** 3;
const LITTLE_POOL_SHARE = 0.1;

interface Space {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

export interface PoolFacts {
  readonly dir: string;
  readonly isMade: boolean;
  readonly isMounted: boolean;
  /** Of the file system that the pool is, or would be made on. */
  readonly space: Space;
  /** Whether the data folder's own file system shares blocks; undefined where it could not be tried. */
  readonly canReflink: boolean | undefined;
}

export async function lookAtPool(dataDir: string): Promise<PoolFacts> {
  const { image, dir } = poolPaths(dataDir);
  const isMounted = mountAt(dir) !== undefined;
  const there = nearest(dataDir);
  return {
    dir,
    isMade: existsSync(image) || existsSync(join(dir, "sandboxes")),
    isMounted,
    space: spaceOf(isMounted ? dir : there),
    canReflink: process.getuid?.() === 0 ? await supportsReflink(there) : undefined,
  };
}

export function examinePool({ dir, isMade, isMounted, space, canReflink }: PoolFacts): Finding {
  const free = `${gib(space.availableBytes)} of ${gib(space.totalBytes)} are free`;
  if (isMounted) {
    if (space.availableBytes >= space.totalBytes * LITTLE_POOL_SHARE) return ok("pool", `${dir}: ${free}`);
    return problem(
      "pool",
      `${dir}: only ${free}`,
      "Delete snapshots, volumes and hibernated sandboxes, or set PANDASTACK_POOL_GB larger and restart.",
    );
  }
  if (isMade) return note("pool", `${dir} is not mounted: no server runs on it`);
  if (canReflink === undefined)
    return unknown("pool", "not made yet", "Run as root: whether files can share blocks has to be tried.");
  if (canReflink) return ok("pool", `not made yet; the data folder's file system shares blocks (reflink), ${free}`);
  return space.availableBytes < LITTLE_DISK_BYTES
    ? problem("pool", `not made yet; only ${free}`, "Free some space, or choose another disk with PANDASTACK_DATA_DIR.")
    : ok("pool", `not made yet; it will be XFS with reflink in a file, ${free}`);
}

export function examineCache(cacheDir: string): Finding {
  const { availableBytes, totalBytes } = spaceOf(nearest(cacheDir));
  const says = `${cacheDir}: ${gib(availableBytes)} of ${gib(totalBytes)} of its disk are free`;
  if (availableBytes >= LITTLE_DISK_BYTES) return ok("cache", says);
  return note(
    "cache",
    says,
    "`pandastack host gc` removes builds that nothing needs; PANDASTACK_CACHE_DIR puts it elsewhere.",
  );
}

function spaceOf(path: string): Space {
  const { blocks, bavail, bsize } = statfsSync(path);
  return { totalBytes: blocks * bsize, availableBytes: bavail * bsize };
}

/** The folder, or the one that it would be made in. */
function nearest(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearest(dirname(path));
}
