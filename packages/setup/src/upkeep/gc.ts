import { existsSync } from "node:fs";
import { join } from "node:path";
import { closePool, openPool } from "../../../host-agent/src/pool/index.ts";
import { tryLock } from "../tools/file-lock.ts";
import type { Place } from "./place.ts";
import { forgetLostRecipes, strangersInCache } from "./strangers/cache.ts";
import { strangersOnHost } from "./strangers/host.ts";
import { strangersInPool } from "./strangers/pool.ts";
import { leasedServers } from "./strangers/servers.ts";
import type { Stranger } from "./strangers/stranger.ts";

export interface GcOptions {
  readonly place: Place;
  readonly isDryRun: boolean;
  /** Builds that are younger stay. */
  readonly minAgeMs: number;
}

export interface GcReport {
  readonly removed: readonly GcLine[];
  /** Found, and left as it is. */
  readonly left: readonly (GcLine & { readonly because: string })[];
  readonly bytes: number;
  /** Why the data folder's pool was not looked into; null where it was, or there is none. */
  readonly poolSkipped: string | null;
}

type GcLine = Pick<Stranger, "kind" | "what" | "why" | "bytes">;

const QUIET = { info: () => {}, warn: () => {} };

/**
 * Removes what belongs to no one: on the host, in the cache, and in the pool of this data folder where no server has it. What a
 * server that runs, or was killed and may come back, has on this host is not touched: it keeps its own pool tidy.
 */
export async function collectGarbage({ place, isDryRun, minAgeMs }: GcOptions): Promise<GcReport> {
  const { dataDir, cacheDir } = place.settings;
  const { runRoot } = place;
  const removed: GcLine[] = [];
  const left: (GcLine & { because: string })[] = [];
  const sweep = async (strangers: readonly Stranger[]): Promise<void> => {
    for (const { remove, ...line } of strangers) {
      try {
        if (!isDryRun) await remove();
        removed.push(line);
      } catch (error) {
        left.push({ ...line, because: error instanceof Error ? error.message : String(error) });
      }
    }
  };
  await sweep(await strangersOnHost(runRoot));
  const poolSkipped = await withStoppedPool(place, async () => sweep(await strangersInPool(dataDir)));
  await sweep(await strangersInCache({ cacheDir, runRoot, dataDirs: [dataDir], minAgeMs }));
  if (!isDryRun) forgetLostRecipes(cacheDir);
  return { removed, left, bytes: removed.reduce((sum, { bytes }) => sum + bytes, 0), poolSkipped };
}

/** Does the work with the pool mounted and the data folder locked; answers why it was not done, or null. */
async function withStoppedPool({ settings, runRoot }: Place, work: () => Promise<void>): Promise<string | null> {
  const { dataDir } = settings;
  if (!existsSync(join(dataDir, "pool"))) return null;
  const held = tryLock(join(dataDir, "lock"));
  if (held === undefined) return `a server runs on ${dataDir}, which keeps its pool tidy by itself`;
  try {
    if (leasedServers(runRoot).some((lease) => lease.dataDir === dataDir))
      return `the server on ${dataDir} was killed: its sandboxes may live, and its next start tidies up`;
    const isImage = existsSync(join(dataDir, "pool.img"));
    if (isImage) await openPool({ dataDir, log: QUIET, env: {} });
    try {
      await work();
    } finally {
      if (isImage) await closePool({ dataDir, log: QUIET });
    }
    return null;
  } finally {
    held.release();
  }
}
