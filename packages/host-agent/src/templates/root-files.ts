import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type HostLayout, rootMarksDir } from "../files/layout.ts";

/**
 * Root file systems that were made here, out of sandboxes. The master is a compressed archive (of runtimes that make up their
 * guests: their own disk file); what a runtime boots is derived from it when it is first asked for.
 *
 *   <cache>/roots/<key>/root.json                 written last: without it there is no root
 *   <cache>/roots/<key>/root.tar.zst | root.disk
 *   <cache>/roots/<key>/root.ext4, root-<agent>.erofs
 *   <data>/roots/<key>                            empty: this server uses it, so that nobody takes it for rubbish
 */
export const RootDescription = z.object({ key: z.string(), diskMb: z.int(), bytes: z.int(), createdAt: z.string() });
export type RootDescription = z.infer<typeof RootDescription>;

export const ARCHIVE = "root.tar.zst";
export const OWN_DISK = "root.disk";

export const rootDir = (layout: Pick<HostLayout, "cacheDir">, key: string): string =>
  join(layout.cacheDir, "roots", key);

/** Undefined when there is no whole one. */
export function readRoot(layout: Pick<HostLayout, "cacheDir">, key: string): RootDescription | undefined {
  const path = join(rootDir(layout, key), "root.json");
  return existsSync(path) ? RootDescription.parse(JSON.parse(readFileSync(path, "utf8"))) : undefined;
}

/** From here on this server is known to use it. */
export function markRoot(layout: Pick<HostLayout, "dataDir">, key: string): void {
  mkdirSync(rootMarksDir(layout), { recursive: true, mode: 0o700 });
  writeFileSync(join(rootMarksDir(layout), key), "", { mode: 0o600 });
}

export function unmarkRoot(layout: Pick<HostLayout, "dataDir">, key: string): void {
  rmSync(join(rootMarksDir(layout), key), { force: true });
}

/** Paths in the cache of the roots that this server uses. */
export function rootsInUse(layout: Pick<HostLayout, "dataDir" | "cacheDir">): string[] {
  const folder = rootMarksDir(layout);
  return existsSync(folder) ? readdirSync(folder).map((key) => rootDir(layout, key)) : [];
}
