import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { neededBuildsFile, rootMarksDir } from "../../../../host-agent/src/files/layout.ts";
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

/** `roots/<key>` of what the data folder's own templates are made of: unlike other builds nothing brings it again. */
export function rootsOf(cacheDir: string, dataDir: string): string[] {
  const marks = rootMarksDir({ dataDir });
  return (existsSync(marks) ? readdirSync(marks) : [])
    .map((key) => `roots/${key}`)
    .filter((entry) => existsSync(join(cacheDir, entry)))
    .toSorted();
}

/** A data folder says again that it uses them. */
export function markRoots(dataDir: string, roots: readonly string[]): void {
  const marks = rootMarksDir({ dataDir });
  mkdirSync(marks, { recursive: true, mode: 0o700 });
  for (const entry of roots) writeFileSync(join(marks, basename(entry)), "", { mode: 0o600 });
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
  // A package's scope (`@scope/name`) is a folder in between.
  const found = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  for (const name of found.filter((one) => one.endsWith(".json"))) {
    const { key } = JSON.parse(readFileSync(join(folder, name), "utf8")) as { key?: string };
    const isOne = entries.some((entry) => {
      const [kind, itsKey] = entry.split("/");
      return itsKey === key && name.startsWith(`${kind}-`);
    });
    if (isOne && !existsSync(join(to, "recipes", name))) cpSync(join(folder, name), join(to, "recipes", name));
  }
}
