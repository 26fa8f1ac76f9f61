import type { FileInfo } from "@pandastack/contracts";
import type { FileEntry } from "@pandastack/contracts/host";

export function fileInfo(entry: FileEntry): FileInfo {
  return {
    name: entry.name,
    path: entry.path,
    is_dir: entry.type === "dir",
    type: entry.type,
    size: entry.size,
    mode: entry.mode_string,
    mtime: Math.floor(entry.mtime_ms / 1000),
    uid: entry.uid,
    gid: entry.gid,
    user: entry.user,
    group: entry.group,
    symlink_target: entry.symlink_target,
  };
}
