import { KernelError } from "../world/errors.ts";
import type { Inode, InodeKind, World } from "../world/world.ts";

export const ROOT_INO = 1;
/** More than this in one fake guest is a mistake of the test. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

export function newInode(
  world: World,
  kind: InodeKind,
  options: { mode: number; uid: number; gid: number; nowMs: number; inMemory: boolean },
): Inode {
  const inode: Inode = {
    ino: world.nextId++,
    kind,
    mode: options.mode & 0o7777,
    uid: options.uid,
    gid: options.gid,
    mtimeMs: options.nowMs,
    parent: 0,
    name: "",
    inMemory: options.inMemory,
    opens: 0,
    isUnlinked: false,
    data: Buffer.alloc(0),
    size: 0,
    entries: new Map(),
    target: "",
    device: "",
    xattrs: new Map(),
  };
  world.inodes.set(inode.ino, inode);
  return inode;
}

export function writeAt(inode: Inode, offset: number, data: Uint8Array): void {
  const end = offset + data.length;
  if (end > MAX_FILE_BYTES) throw new KernelError("ENOSPC", inode.name);
  if (end > inode.data.length) {
    const grown = Buffer.allocUnsafeSlow(Math.max(end, Math.min(inode.data.length * 2, MAX_FILE_BYTES)));
    grown.set(inode.data.subarray(0, inode.size));
    inode.data = grown;
  }
  // A hole reads as zeros.
  if (offset > inode.size) inode.data.fill(0, inode.size, offset);
  inode.data.set(data, offset);
  inode.size = Math.max(inode.size, end);
}

export function truncate(inode: Inode): void {
  inode.data = Buffer.alloc(0);
  inode.size = 0;
}

export function content(inode: Inode): Buffer {
  return inode.data.subarray(0, inode.size);
}

/** Forgets an inode that has no name once nothing has it open. */
export function dropIfUnused(world: World, inode: Inode): void {
  if (inode.isUnlinked && inode.opens === 0) world.inodes.delete(inode.ino);
}

const typeLetters: Record<InodeKind, string> = { file: "-", dir: "d", symlink: "l", char: "c", fifo: "p", socket: "s" };

export function modeString(inode: Inode): string {
  const bits = ["r", "w", "x"];
  let text = typeLetters[inode.kind];
  for (let i = 8; i >= 0; i--) text += inode.mode & (1 << i) ? bits[(8 - i) % 3] : "-";
  if (inode.mode & 0o1000) text = `${text.slice(0, 9)}${inode.mode & 1 ? "t" : "T"}`;
  return text;
}
