import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const NEEDED_MAJOR = 24;

/** Path of a Node that runs TypeScript as it is: the running one, else the newest that set-up keeps; undefined where there is none. */
export function findNode(env = process.env) {
  if (Number(process.versions.node.split(".")[0]) >= NEEDED_MAJOR) return process.execPath;
  // Set-up's cache: npm packages, unpacked, as <name>-<version>.
  const packages = join(env.PANDASTACK_CACHE_DIR || "/var/cache/pandastack", "npm");
  const nodes = existsSync(packages)
    ? readdirSync(packages).filter((name) => /^node-linux-[a-z0-9]+-\d+\.\d+\.\d+$/.test(name))
    : [];
  return nodes
    .toSorted((a, b) => b.localeCompare(a, "en", { numeric: true }))
    .map((name) => join(packages, name, "bin", "node"))
    .find((path) => existsSync(path));
}
