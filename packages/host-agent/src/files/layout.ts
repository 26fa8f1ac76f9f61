import { join } from "node:path";

/** Where one server's things are. Plain paths; nothing is made here. */
export interface HostLayout {
  readonly dataDir: string;
  readonly runDir: string;
  readonly cacheDir: string;
  readonly poolDir: string;
}

export function hostLayout(options: { dataDir: string; runDir: string; cacheDir: string }): HostLayout {
  return { ...options, poolDir: join(options.dataDir, "pool") };
}

/** Builds in the cache that this server's images need: read by whoever clears the cache. */
export const neededBuildsFile = (layout: Pick<HostLayout, "dataDir">): string => join(layout.dataDir, "builds.json");
/** One empty file for each root file system in the cache that this server uses, by its key. */
export const rootMarksDir = (layout: Pick<HostLayout, "dataDir">): string => join(layout.dataDir, "roots");
/** A machine's folder on the pool: what its jail sees as /vm. Root owns it; the machine's user may write only in `out/` and to `disk`. */
export const machineDir = (layout: HostLayout, machineId: string): string =>
  join(layout.poolDir, "machines", machineId);
/** Its sockets: short, since a Unix socket's path is limited to 107 bytes. */
export const machineRunDir = (layout: HostLayout, machineId: string): string => join(layout.runDir, "m", machineId);
/** What a sandbox owns between machines: its disk, and its memory while it is hibernated. */
export const sandboxDir = (layout: HostLayout, sandboxId: string): string =>
  join(layout.poolDir, "sandboxes", sandboxId);
export const sandboxDisk = (layout: HostLayout, sandboxId: string): string =>
  join(sandboxDir(layout, sandboxId), "disk");
export const hibernationDir = (layout: HostLayout, sandboxId: string): string =>
  join(sandboxDir(layout, sandboxId), "memory-image");
export const snapshotDir = (layout: HostLayout, snapshotId: string): string =>
  join(layout.poolDir, "snapshots", snapshotId);
export const templateDir = (layout: HostLayout, key: string): string => join(layout.poolDir, "templates", key);
/** Images under way and of forks: gone at the next start. */
export const scratchDir = (layout: HostLayout, name: string): string => join(layout.poolDir, "scratch", name);
export const volumesDir = (layout: HostLayout): string => join(layout.poolDir, "volumes");
export const volumeFile = (layout: HostLayout, volumeId: string): string =>
  join(volumesDir(layout), volumeName(volumeId));
export const volumeName = (volumeId: string): string => `${volumeId}.ext4`;
