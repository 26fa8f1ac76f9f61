import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lock } from "../tools/file-lock.ts";
import { removeTree } from "../tools/remove-tree.ts";

/**
 * What set-up builds and downloads, shared by every data folder on this host and safe for several users at once.
 *
 *   <cache>/<kind>/<key>          the thing itself; `key` is a hash over its content, so a rebuild never overwrites
 *   <cache>/recipes/<kind>-<recipe>.json   what a recipe came to: key and outcome. Recipes are known before building
 *   <cache>/<kind>/<recipe>.tmp-<pid>      being built; worth nothing once its builder is gone
 *   <cache>/locks/<kind>-<recipe>          held by the builder
 */
export interface Cache {
  readonly dir: string;
  /** What the recipe came to, or undefined when it has not been built here. */
  find<T extends Outcome>(kind: string, recipe: string): Entry<T> | undefined;
  /** Finds it, or builds it in an empty private folder that then becomes the entry. Waits for another builder of the same. */
  obtain<T extends Outcome>(kind: string, recipe: string, build: Build<T>, onWait?: () => void): Promise<Entry<T>>;
}

/** JSON. `key`: hash over the content, the entry's name. */
export interface Outcome {
  readonly key: string;
}
export type Entry<T extends Outcome> = T & { readonly path: string };
export type Build<T extends Outcome> = (folder: string) => Promise<T>;

export function openCache(dir: string): Cache {
  // Unprivileged processes (VMMs, PostgreSQL) read what is in here.
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  const recipeFile = (kind: string, recipe: string): string => join(dir, "recipes", `${kind}-${recipe}.json`);

  function find<T extends Outcome>(kind: string, recipe: string): Entry<T> | undefined {
    const file = recipeFile(kind, recipe);
    if (!existsSync(file)) return undefined;
    const outcome = JSON.parse(readFileSync(file, "utf8")) as T;
    const path = join(dir, kind, outcome.key);
    return existsSync(path) ? { ...outcome, path } : undefined;
  }

  async function obtain<T extends Outcome>(
    kind: string,
    recipe: string,
    build: Build<T>,
    onWait?: () => void,
  ): Promise<Entry<T>> {
    const found = find<T>(kind, recipe);
    if (found !== undefined) return found;
    const held = await lock(join(dir, "locks", `${kind}-${recipe}`), onWait);
    try {
      const meanwhile = find<T>(kind, recipe);
      if (meanwhile !== undefined) return meanwhile;
      // We hold the recipe's lock, so every such folder is of a builder that died.
      for (const stale of leftovers(join(dir, kind), recipe)) await removeTree(stale);
      const folder = join(dir, kind, `${recipe}.tmp-${process.pid}`);
      mkdirSync(folder, { recursive: true, mode: 0o755 });
      const outcome = await build(folder);
      const path = join(dir, kind, outcome.key);
      if (existsSync(path)) await removeTree(folder);
      else renameSync(folder, path);
      remember(recipeFile(kind, recipe), outcome);
      return { ...outcome, path };
    } finally {
      held.release();
    }
  }

  return { dir, find, obtain };
}

function leftovers(kindDir: string, recipe: string): string[] {
  if (!existsSync(kindDir)) return [];
  return readdirSync(kindDir)
    .filter((name) => name.startsWith(`${recipe}.tmp-`))
    .map((name) => join(kindDir, name));
}

function remember(file: string, outcome: Outcome): void {
  mkdirSync(join(file, ".."), { recursive: true, mode: 0o755 });
  const temporary = `${file}.tmp-${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(outcome, undefined, 2)}\n`, { mode: 0o644, flush: true });
  renameSync(temporary, file);
}
