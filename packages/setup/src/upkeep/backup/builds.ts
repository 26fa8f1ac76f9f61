import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { neededBuildsFile } from "../../../../host-agent/src/files/layout.ts";
import { entriesNamedIn, readUsers } from "../../cache/users.ts";
import { copyTree } from "./copy.ts";

/** Come from the server's own code and its lock file: any start brings them. */
const NOT_KEPT = new Set(["npm", "postgres", "templates"]);

/** `<kind>/<key>` of the builds that a data folder's images may need. */
export function buildsOf(cacheDir: string, dataDir: string): string[] {
  // What a start needs, and what the host agent has written down that stored images need.
  const named = [join(dataDir, "artifacts.json"), neededBuildsFile({ dataDir })].flatMap((file) =>
    existsSync(file) ? entriesNamedIn(cacheDir, JSON.parse(readFileSync(file, "utf8"))) : [],
  );
  const needed = readUsers(cacheDir)
    .users.filter((user) => user.dataDir === dataDir)
    .flatMap(({ needs }) => needs);
  return [...new Set([...named, ...needed])]
    .filter((entry) => !NOT_KEPT.has(entry.split("/")[0] ?? "") && existsSync(join(cacheDir, entry)))
    .toSorted();
}

/** Also between a cache and a backup's folder of builds, in either direction. What is there stays. */
export async function copyBuilds(from: string, to: string, entries: readonly string[]): Promise<void> {
  for (const entry of entries) {
    const target = join(to, entry);
    if (existsSync(target)) continue;
    mkdirSync(join(target, ".."), { recursive: true, mode: 0o755 });
    const temporary = `${target}.tmp-${process.pid}`;
    await copyTree(join(from, entry), temporary);
    renameSync(temporary, target);
  }
  copyRecipes(from, to, entries);
}

function copyRecipes(from: string, to: string, entries: readonly string[]): void {
  const folder = join(from, "recipes");
  mkdirSync(join(to, "recipes"), { recursive: true, mode: 0o755 });
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const { key } = JSON.parse(readFileSync(join(folder, name), "utf8")) as { key?: string };
    const isOne = entries.some((entry) => {
      const [kind, itsKey] = entry.split("/");
      return itsKey === key && name.startsWith(`${kind}-`);
    });
    if (isOne && !existsSync(join(to, "recipes", name))) cpSync(join(folder, name), join(to, "recipes", name));
  }
}
