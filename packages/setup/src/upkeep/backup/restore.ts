import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { closePool, openPool, poolSpace } from "../../../../host-agent/src/pool/index.ts";
import { rememberUser } from "../../cache/users.ts";
import { tryLock } from "../../tools/file-lock.ts";
import type { Place } from "../place.ts";
import { copyBuilds, markRoots } from "./builds.ts";
import { type BackupManifest, readBackup } from "./contents.ts";
import { copyTree } from "./copy.ts";
import { changeJournal, leaveMachinesBehind } from "./records.ts";

const QUIET = { info: () => {}, warn: () => {} };

/**
 * Makes a data folder of a backup, whole or not at all; a start on it does the rest. The server that was backed up may run on
 * this very host.
 */
export async function restore(options: {
  place: Place;
  folder: string;
  env?: NodeJS.ProcessEnv;
}): Promise<BackupManifest> {
  const { place, env = process.env } = options;
  const { dataDir, cacheDir } = place.settings;
  const folder = resolve(options.folder);
  const manifest = readBackup(folder);
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0)
    throw new Error(`${dataDir} is not empty; PANDASTACK_DATA_DIR names the folder to restore to`);
  if (!manifest.hasDatabase && place.databaseUrl === undefined)
    throw new Error("this backup has no database: restore the PostgreSQL that it used, and set DATABASE_URL to it");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  chmodSync(dataDir, 0o700);
  const lock = tryLock(join(dataDir, "lock"));
  if (lock === undefined) throw new Error(`a server runs on ${dataDir}`);
  // Made-up sandboxes have no pool of their own.
  const hasPool = env["PANDASTACK_RUNTIME"] !== "fake";
  try {
    try {
      await fillPool({ dataDir, folder, manifest, hasPool, env });
    } finally {
      if (hasPool) await closePool({ dataDir, log: QUIET });
    }
    mkdirSync(join(dataDir, "journal"), { mode: 0o700 });
    const journal = join(dataDir, "journal", "host.sqlite");
    await copyTree(join(folder, "journal.sqlite"), journal);
    changeJournal(journal, leaveMachinesBehind);
    await copyBuilds(join(folder, "builds"), cacheDir, manifest.builds);
    markRoots(dataDir, manifest.roots ?? []);
    rememberUser(cacheDir, { dataDir, needs: manifest.builds });
    // Last: a start takes a folder with a database for a server's.
    if (manifest.hasDatabase) await copyTree(join(folder, "pg"), join(dataDir, "pg"));
    return manifest;
  } catch (error) {
    for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name), { recursive: true, force: true });
    throw error;
  } finally {
    lock.release();
  }
}

async function fillPool(options: {
  dataDir: string;
  folder: string;
  manifest: BackupManifest;
  hasPool: boolean;
  env: NodeJS.ProcessEnv;
}): Promise<void> {
  const { dataDir, folder, manifest } = options;
  const pool = join(dataDir, "pool");
  if (options.hasPool) await openPool({ dataDir, log: QUIET, env: options.env });
  else mkdirSync(pool, { mode: 0o711 });
  const { availableBytes } = await poolSpace(pool);
  if (availableBytes < manifest.poolBytes)
    throw new Error(
      `the pool has ${availableBytes} bytes free and the backup needs ${manifest.poolBytes}; set PANDASTACK_POOL_GB larger`,
    );
  for (const name of readdirSync(join(folder, "pool"))) await copyTree(join(folder, "pool", name), join(pool, name));
}
