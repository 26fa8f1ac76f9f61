import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hostLayout, volumeName, volumesDir } from "../../../../host-agent/src/files/layout.ts";
import { Journal } from "../../../../host-agent/src/journal/journal.ts";
import { diskUsage } from "../../../../host-agent/src/pool/space.ts";
import type { Stranger } from "./stranger.ts";
import { newestTemplates } from "./templates.ts";

interface Named {
  readonly id: string;
}

/**
 * Files of a stopped server's pool that its journal does not name: what its next start would remove, and templates that a newer
 * one has taken the place of. For a pool that is mounted and a data folder that is locked.
 */
export async function strangersInPool(dataDir: string): Promise<Stranger[]> {
  const layout = hostLayout({ dataDir, runDir: "", cacheDir: "" });
  // Without one nothing can be told apart.
  if (!existsSync(join(dataDir, "journal", "host.sqlite"))) return [];
  const journal = new Journal(dataDir);
  try {
    const named = (records: Named[]): Set<string> => new Set(records.map(({ id }) => id));
    const folders: [string, Set<string>][] = [
      ["machines", new Set()],
      ["scratch", new Set()],
      ["sandboxes", named(journal.sandboxes<Named>())],
      ["snapshots", named(journal.snapshots<Named>())],
      ["templates", newestTemplates(join(layout.poolDir, "templates"))],
    ];
    const volumes = new Set(journal.volumes<Named>().map(({ id }) => volumeName(id)));
    const found = folders.flatMap(([folder, keep]) => unnamed(join(layout.poolDir, folder), keep));
    return Promise.all([...found, ...unnamed(volumesDir(layout), volumes)].map(toStranger));
  } finally {
    journal.close();
  }
}

function unnamed(folder: string, keep: ReadonlySet<string>): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => !keep.has(name))
    .map((name) => join(folder, name));
}

async function toStranger(path: string): Promise<Stranger> {
  const isTemplate = /\/templates\/[^/]+$/.test(path);
  return {
    kind: isTemplate ? "template" : "file",
    what: path,
    why: isTemplate ? "a newer one has taken its place" : "the journal does not name it",
    bytes: await diskUsage(path),
    remove: async () => rmSync(path, { recursive: true, force: true }),
  };
}
