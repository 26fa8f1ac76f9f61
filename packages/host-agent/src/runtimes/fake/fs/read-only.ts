import type { Inode, World } from "../world/world.ts";

/** Whether an inode is on a volume that may only be read. */
export function isReadOnly(world: World, inode: Inode): boolean {
  if (world.volumes.size === 0) return false;
  const mounts = new Set([...world.volumes.values()].filter((volume) => volume.readOnly).map((volume) => volume.mount));
  for (let at: Inode | undefined = inode; at !== undefined; at = world.inodes.get(at.parent)) {
    if (mounts.has(at.ino)) return true;
    if (at.parent === 0) return false;
  }
  return false;
}
