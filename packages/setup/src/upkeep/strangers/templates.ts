import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

interface Described {
  readonly template: string;
  readonly runtime: string;
  readonly createdAt: string;
}

/**
 * Names of the folders that hold the newest image of each template and runtime. Sandboxes and snapshots share blocks with the
 * template that they came from, and need no more of it.
 */
export function newestTemplates(folder: string): Set<string> {
  const newest = new Map<string, { name: string; createdAt: string }>();
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const manifest = join(folder, name, "image.json");
    if (!existsSync(manifest)) continue;
    const { template, runtime, createdAt } = JSON.parse(readFileSync(manifest, "utf8")) as Described;
    const of = `${template} ${runtime}`;
    if ((newest.get(of)?.createdAt ?? "") < createdAt) newest.set(of, { name, createdAt });
  }
  return new Set([...newest.values()].map(({ name }) => name));
}
