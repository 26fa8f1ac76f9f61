import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { closePool, diskUsage, openPool } from "../../../../host-agent/src/pool/index.ts";
import { run } from "../../../../host-agent/src/processes/run.ts";
import { isRunning, readRecord } from "../../supervisor/process-record.ts";
import { type FileLock, tryLock } from "../../tools/file-lock.ts";
import type { Place } from "../place.ts";
import { buildsOf, copyBuilds, rootsOf } from "./builds.ts";
import { type BackupManifest, manifestFile } from "./contents.ts";
import { copyRunningCluster, copyStoppedCluster } from "./database.ts";
import { copyItems } from "./items.ts";
import { writeJournal } from "./records.ts";

const QUIET = { info: () => {}, warn: () => {} };
const SYNC_TIMEOUT_MS = 600_000;

export interface BackupOptions {
  readonly place: Place;
  /** Does not exist yet. */
  readonly folder: string;
  readonly withBuilds: boolean;
}

/**
 * Everything of a data folder that cannot be made again, into a folder of its own, whether a server runs or not. Files first, the
 * database after them: what was deleted meanwhile stays deleted, and nothing that is in the backup lacks its row.
 */
export async function backUp({ place, folder, withBuilds }: BackupOptions): Promise<BackupManifest> {
  const { dataDir, cacheDir } = place.settings;
  const target = resolve(folder);
  if (existsSync(target)) throw new Error(`${target} exists; a backup is made into a folder of its own`);
  const journal = join(dataDir, "journal", "host.sqlite");
  if (!existsSync(journal)) throw new Error(`${dataDir} has no server's data; PANDASTACK_DATA_DIR says where it is`);
  if (target.startsWith(`${dataDir}/`)) throw new Error(`${target} lies in the data folder itself`);
  const unfinished = `${target}.unfinished-${process.pid}`;
  mkdirSync(dirname(target), { recursive: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const source = await openSource(place);
  try {
    const pool = join(unfinished, "pool");
    mkdirSync(pool, { mode: 0o700 });
    const items = await copyItems({ dataDir, journal, to: pool });
    if (place.databaseUrl === undefined) await copyDatabase(place, join(unfinished, "pg"));
    writeJournal(journal, join(unfinished, "journal.sqlite"), items);
    const roots = rootsOf(cacheDir, dataDir);
    const builds = withBuilds ? [...new Set([...roots, ...buildsOf(cacheDir, dataDir)])].toSorted() : [];
    await copyBuilds(cacheDir, join(unfinished, "builds"), builds);
    const count = (table: string): number => items.filter((item) => item.table === table).length;
    const manifest: BackupManifest = {
      format: 1,
      createdAt: new Date().toISOString(),
      dataDir,
      hasDatabase: place.databaseUrl === undefined,
      builds,
      roots,
      sandboxes: count("sandboxes"),
      snapshots: count("snapshots"),
      volumes: count("volumes"),
      poolBytes: await diskUsage(pool),
    };
    writeFileSync(manifestFile(unfinished), `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600 });
    await run("sync", ["--file-system", unfinished], { timeoutMs: SYNC_TIMEOUT_MS });
    renameSync(unfinished, target);
    return manifest;
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error;
  } finally {
    await source.close();
  }
}

/** The pool of a stopped server has to be mounted, and nobody may start one meanwhile; a running one's is. */
async function openSource({ settings }: Place): Promise<{ close: () => Promise<void> }> {
  const { dataDir } = settings;
  const lock: FileLock | undefined = tryLock(join(dataDir, "lock"));
  if (lock === undefined) return { close: async () => {} };
  const isImage = existsSync(join(dataDir, "pool.img"));
  const wasMounted = isImage && existsSync(join(dataDir, "pool", "sandboxes"));
  if (isImage) await openPool({ dataDir, log: QUIET, env: {} });
  return {
    close: async () => {
      // A killed server's machines may live on it.
      if (isImage && !wasMounted) await closePool({ dataDir, log: QUIET });
      lock.release();
    },
  };
}

async function copyDatabase({ settings, runRoot }: Place, to: string): Promise<void> {
  const cluster = join(settings.dataDir, "pg");
  const { id } = JSON.parse(readFileSync(join(settings.dataDir, "server.json"), "utf8")) as { id: string };
  const record = readRecord(join(runRoot, id, "postgres.json"));
  if (record !== undefined && isRunning(record))
    await copyRunningCluster({ cluster, socketDir: join(runRoot, id, "pg"), to });
  else await copyStoppedCluster(cluster, to);
}
