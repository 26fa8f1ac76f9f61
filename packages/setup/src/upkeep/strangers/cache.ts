import { existsSync, readFileSync, readdirSync, statSync, rmSync } from "node:fs";
import { join } from "node:path";
import { neededBuildsFile } from "../../../../host-agent/src/files/layout.ts";
import { processStat } from "../../../../host-agent/src/processes/proc.ts";
import { diskUsage } from "../../../../host-agent/src/pool/space.ts";
import { entriesNamedIn, readUsers } from "../../cache/users.ts";
import { removeTree } from "../../tools/remove-tree.ts";
import { tryLock } from "../../tools/file-lock.ts";
import { cacheEntriesInUse } from "./in-use.ts";
import { knownDataDirs } from "./servers.ts";
import type { Stranger } from "./stranger.ts";
import { newestTemplates } from "./templates.ts";

const HOUR_MS = 3_600_000;
/** Compilers' folders are only ever looked into again by the clone that they are of. */
const CARGO_AGE_MS = 30 * 24 * HOUR_MS;
/** Not entries: how the cache is kept. */
const BOOKS = new Set(["recipes", "locks", "users"]);

export interface CacheOptions {
  readonly cacheDir: string;
  readonly runRoot: string;
  /** Data folders that may not have said that they use this cache. */
  readonly dataDirs: readonly string[];
  /** What is younger stays: somebody may be about to use it. */
  readonly minAgeMs: number;
  readonly nowMs?: number;
}

/** Builds that no data folder of this host names and no process has open, and what killed builders left. */
export async function strangersInCache(options: CacheOptions): Promise<Stranger[]> {
  const { cacheDir, minAgeMs, nowMs = Date.now() } = options;
  if (!existsSync(cacheDir)) return [];
  const needed = neededEntries(options);
  const found: Stranger[] = [];
  for (const kind of foldersIn(cacheDir).filter((name) => !BOOKS.has(name))) {
    const names = foldersIn(join(cacheDir, kind));
    const kept = kind === "templates" ? newestTemplates(join(cacheDir, kind)) : newestVersions(kind, names);
    for (const name of names) {
      const path = join(cacheDir, kind, name);
      const builder = /^(.*)\.tmp-(\d+)$/.exec(name);
      if (builder !== null) {
        const [, recipe = "", pid = ""] = builder;
        if (!isBeingBuilt(cacheDir, kind, recipe, Number(pid)))
          found.push(await stranger("unfinished build", path, `its builder, process ${pid}, is gone`));
        continue;
      }
      const age = nowMs - statSync(path).mtimeMs;
      if (needed.has(`${kind}/${name}`) || kept.has(name) || age < (kind === "cargo" ? CARGO_AGE_MS : minAgeMs))
        continue;
      found.push(
        await stranger("build", path, `no data folder names it, and it is ${Math.floor(age / HOUR_MS)} hours old`),
      );
    }
  }
  for (const path of readUsers(cacheDir).stale)
    found.push(await stranger("record", path, "the data folder that it is of is gone"));
  return found;
}

async function stranger(kind: Stranger["kind"], path: string, why: string): Promise<Stranger> {
  return { kind, what: path, why, bytes: await diskUsage(path), remove: () => removeTree(path) };
}

function neededEntries({ cacheDir, runRoot, dataDirs }: CacheOptions): Set<string> {
  // What a server starts with, and what its stored images are restored with.
  const artifacts = knownDataDirs({ runRoot, cacheDir, more: dataDirs }).flatMap((dataDir) => [
    readJson(join(dataDir, "artifacts.json")),
    readJson(neededBuildsFile({ dataDir })),
  ]);
  return new Set([
    ...readUsers(cacheDir).users.flatMap(({ needs }) => needs),
    ...entriesNamedIn(cacheDir, artifacts),
    ...cacheEntriesInUse(cacheDir),
  ]);
}

/** `npm/<package>-<version>`: Node for the server, Node and npm for guests. */
function newestVersions(kind: string, names: readonly string[]): Set<string> {
  if (kind !== "npm") return new Set();
  const byVersion = names.toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return new Set(new Map(byVersion.map((name) => [name.replace(/-\d+\.\d+\.\d+$/, ""), name])).values());
}

function isBeingBuilt(cacheDir: string, kind: string, recipe: string, pid: number): boolean {
  if (processStat(pid) !== undefined) return true;
  const lockFile = join(cacheDir, "locks", `${kind}-${recipe}`);
  if (!existsSync(lockFile)) return false;
  const held = tryLock(lockFile);
  held?.release();
  return held === undefined;
}

/** Recipes whose outcome is not there any more. */
export function forgetLostRecipes(cacheDir: string): void {
  const folder = join(cacheDir, "recipes");
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const key = (readJson(join(folder, name)) as { key?: string } | undefined)?.key;
    const kinds = foldersIn(cacheDir).filter((kind) => name.startsWith(`${kind}-`));
    if (key !== undefined && kinds.every((kind) => !existsSync(join(cacheDir, kind, key)))) rmSync(join(folder, name));
  }
}

const foldersIn = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
