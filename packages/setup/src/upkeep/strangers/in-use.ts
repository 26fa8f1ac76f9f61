import { readFileSync, readdirSync, readlinkSync } from "node:fs";

/** `<kind>/<key>` of every entry of the cache that some process runs from, has mapped, or has for its root. */
export function cacheEntriesInUse(cacheDir: string): string[] {
  const found = new Set<string>();
  const escaped = cacheDir.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const inCache = new RegExp(`${escaped}/([\\w.-]+/[\\w.-]+)`, "g");
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    // A jail's root is a mount of the entry: only the table of its mounts names it.
    for (const text of [
      read(`/proc/${pid}/maps`),
      read(`/proc/${pid}/mountinfo`),
      link(`/proc/${pid}/exe`),
      link(`/proc/${pid}/cwd`),
    ])
      for (const [, entry = ""] of text.matchAll(inCache)) found.add(entry);
  }
  return [...found];
}

/** Nothing of what ends meanwhile, or may not be looked into. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
