import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What a backup is: a folder, whole or not there.
 *
 *   backup.json      written last
 *   journal.sqlite   what is on the host, as it was when each thing was copied
 *   pool/            sandboxes/<id>/, snapshots/<id>/, volumes/<file>
 *   pg/              a base backup of the built-in PostgreSQL; absent with a DATABASE_URL
 *   builds/          <kind>/<key> and recipes/ of the cache: without the same VMM a memory image is worth nothing
 */
export interface BackupManifest {
  readonly format: 1;
  readonly createdAt: string;
  readonly dataDir: string;
  readonly hasDatabase: boolean;
  readonly builds: readonly string[];
  /** What the templates that were built here are made of, `roots/<key>` each; absent in older ones. */
  readonly roots?: readonly string[];
  readonly sandboxes: number;
  readonly snapshots: number;
  readonly volumes: number;
  /** Blocks of `pool/`. */
  readonly poolBytes: number;
}

export const manifestFile = (folder: string): string => join(folder, "backup.json");

/** Throws a text for the user where the folder is no backup that this version can read. */
export function readBackup(folder: string): BackupManifest {
  let manifest: Partial<BackupManifest>;
  try {
    manifest = JSON.parse(readFileSync(manifestFile(folder), "utf8")) as Partial<BackupManifest>;
  } catch (cause) {
    throw new Error(`${folder} is no backup: it has no readable backup.json`, { cause });
  }
  if (manifest.format !== 1)
    throw new Error(`${folder} is a backup of format ${String(manifest.format)}; this version reads 1`);
  return manifest as BackupManifest;
}
