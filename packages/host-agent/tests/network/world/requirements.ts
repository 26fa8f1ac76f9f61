import { spawnSync } from "node:child_process";

/** Why tests that need a kernel's network can't run here, or undefined. */
export function missingForNetns(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  for (const tool of ["ip", "nft", "nsenter", "flock"]) {
    if (spawnSync(tool, ["--version"]).error && spawnSync(tool, ["-V"]).error) return `needs ${tool}`;
  }
  if (spawnSync("ip", ["netns", "list"]).status !== 0) return "needs network namespaces";
  return undefined;
}
