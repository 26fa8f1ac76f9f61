import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const NEEDED_MAJOR = 24;

/** Path of a Node that runs TypeScript as it is: the running one, else one of the set-up's; undefined where there is none. */
export function findNode(env = process.env) {
  if (Number(process.versions.node.split(".")[0]) >= NEEDED_MAJOR) return process.execPath;
  const cache = env.PANDASTACK_CACHE_DIR || "/var/cache/pandastack";
  const folders = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith("node")) : [];
  return folders.map((name) => join(cache, name, "bin", "node")).find((path) => existsSync(path));
}
