import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RunscBuild } from "./runsc.ts";

/** A build that set-up once put into the host's cache, by its key. Those that stored checkpoints need stay there. */
export function findRunsc(cacheDir: string, key: string): RunscBuild | undefined {
  if (!/^[\w.-]+$/.test(key)) return undefined;
  const dir = join(cacheDir, "runsc", key);
  const path = join(dir, "runsc");
  if (!existsSync(path)) return undefined;
  return { key, path, isRecent: existsSync(join(dir, "gvisor-bin")) };
}
