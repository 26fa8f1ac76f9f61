import { existsSync } from "node:fs";
import { join } from "node:path";
import { featuresOf } from "./features.ts";
import type { RunscBuild } from "./runsc.ts";

export const openRunsc = (key: string, path: string): RunscBuild => ({ key, path, features: featuresOf(path) });

/** A build that set-up once put into the host's cache, by its key. Those that stored checkpoints need stay there. */
export function findRunsc(cacheDir: string, key: string): RunscBuild | undefined {
  if (!/^[\w.-]+$/.test(key)) return undefined;
  const path = join(cacheDir, "runsc", key, "runsc");
  return existsSync(path) ? openRunsc(key, path) : undefined;
}
