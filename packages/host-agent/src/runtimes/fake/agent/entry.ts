import { modeString } from "../fs/inodes.ts";
import { groupName, userName } from "../kernel/users.ts";
import type { Inode, World } from "../world/world.ts";

/** An entry of docs/guest-protocol.md. */
export function entryOf(world: World, inode: Inode, path: string): Record<string, unknown> {
  return {
    name: path.split("/").at(-1) || "/",
    path,
    type: inode.kind,
    size: inode.kind === "dir" ? 4096 : inode.size,
    mode: inode.mode,
    mode_string: modeString(inode),
    uid: inode.uid,
    gid: inode.gid,
    user: userName(world, inode.uid),
    group: groupName(world, inode.gid),
    mtime_ms: Math.floor(inode.mtimeMs),
    symlink_target: inode.kind === "symlink" ? inode.target : null,
  };
}

/** `/a/../b/` → `/b`, by its text alone. */
export function normalise(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
