import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  hostLayout,
  sandboxDir,
  scratchDir,
  snapshotDir,
  volumeFile,
} from "../../../../host-agent/src/files/layout.ts";
import { copyTree, shareTree } from "./copy.ts";
import { type Item, keyOf, readItems } from "./records.ts";

/** How often everything is looked through for what has changed meanwhile. More than a few means that it changes all the time. */
const PASSES = 10;

/** Where an item's files are, from the pool. */
function filesOf(dataDir: string, { table, id }: Item): string {
  const layout = hostLayout({ dataDir, runDir: "", cacheDir: "" });
  if (table === "sandboxes") return sandboxDir(layout, id);
  return table === "snapshots" ? snapshotDir(layout, id) : volumeFile(layout, id);
}

const inPool = (path: string, dataDir: string): string => path.slice(join(dataDir, "pool").length + 1);

/**
 * Copies the files of everything that the journal names, each as it was while its record was what is answered with it. A server
 * may run: what it has changed, made or deleted by the end of a pass is looked at again in the next.
 */
export async function copyItems(options: { dataDir: string; journal: string; to: string }): Promise<Item[]> {
  const { dataDir, journal, to } = options;
  const copied = new Map<string, Item>();
  for (let pass = 0; pass < PASSES; pass++) {
    const current = readItems(journal);
    const stale = current.filter((item) => copied.get(keyOf(item))?.record !== item.record);
    const named = new Set(current.map(keyOf));
    for (const item of [...copied.values()].filter((each) => !named.has(keyOf(each)))) forget(item);
    if (stale.length === 0) return [...copied.values()];
    for (const item of stale) {
      forget(item);
      // Deleted or changed under our hands: the next pass knows.
      if (await copyItem(item)) copied.set(keyOf(item), item);
    }
  }
  throw new Error("the server's sandboxes change too fast to be copied; try again when less is going on");

  function forget(item: Item): void {
    copied.delete(keyOf(item));
    rmSync(join(to, inPool(filesOf(dataDir, item), dataDir)), { recursive: true, force: true });
  }

  async function copyItem(item: Item): Promise<boolean> {
    const from = filesOf(dataDir, item);
    const target = join(to, inPool(from, dataDir));
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    if (!existsSync(from)) return isUnchanged(journal, item);
    // First within the pool, where it takes no time; a host agent's start would take the rest of a killed backup for rubbish.
    const staged = scratchDir(hostLayout({ dataDir, runDir: "", cacheDir: "" }), `backup-${process.pid}`);
    mkdirSync(dirname(staged), { recursive: true, mode: 0o711 });
    rmSync(staged, { recursive: true, force: true });
    try {
      await shareTree(from, staged);
      if (!isUnchanged(journal, item)) return false;
      await copyTree(staged, target);
      return true;
    } catch (error) {
      if (isUnchanged(journal, item)) throw error;
      return false;
    } finally {
      rmSync(staged, { recursive: true, force: true });
    }
  }
}

const isUnchanged = (journal: string, item: Item): boolean =>
  readItems(journal).some((current) => keyOf(current) === keyOf(item) && current.record === item.record);
