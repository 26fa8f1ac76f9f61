import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lock, tryLock } from "../tools/file-lock.ts";
import { removeTree } from "../tools/remove-tree.ts";

/**
 * What set-up builds and downloads, shared by every data folder on this host and safe for several users at once.
 *
 *   <cache>/<kind>/<key>          the thing itself; `key` is a hash over its content, so a rebuild never overwrites
 *   <cache>/recipes/<kind>-<recipe>.json   what a recipe came to: key and outcome. Recipes are known before building
 *   <cache>/<kind>/<recipe>.tmp-<pid>      being built; gone with the next build of its kind once its builder is
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
      await removeLeftovers(dir, kind, recipe);
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

/**
 * Folders of builders that died: those of the recipe whose lock we hold, and of every other whose lock nobody holds. A recipe that
 * has changed since is never built again, so nobody else would come by.
 */
async function removeLeftovers(dir: string, kind: string, heldRecipe: string): Promise<void> {
  const folder = join(dir, kind);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const recipe = /^(.+)\.tmp-\d+$/.exec(name)?.[1];
    if (recipe === undefined) continue;
    const held = recipe === heldRecipe ? undefined : tryLock(join(dir, "locks", `${kind}-${recipe}`));
    if (recipe !== heldRecipe && held === undefined) continue;
    try {
      await removeTree(join(folder, name));
    } finally {
      held?.release();
    }
  }
}

function remember(file: string, outcome: Outcome): void {
  mkdirSync(join(file, ".."), { recursive: true, mode: 0o755 });
  const temporary = `${file}.tmp-${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(outcome, undefined, 2)}\n`, { mode: 0o644, flush: true });
  renameSync(temporary, file);
}
