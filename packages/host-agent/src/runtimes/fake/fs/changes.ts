import { dropIfUnused, newInode, ROOT_INO, truncate } from "./inodes.ts";
import { find, findPlace, inodeOf, may, pathOf, type Credentials } from "./lookup.ts";
import { isReadOnly } from "./read-only.ts";
import { KernelError } from "../world/errors.ts";
import type { Inode, InodeKind, World } from "../world/world.ts";

/** What a watcher hears of. */
export interface Change {
  readonly kind: "create" | "write" | "remove" | "rename" | "chmod";
  readonly inode: Inode;
  /** Path that it had before a rename or removal. */
  readonly from?: string;
}

export interface FsContext {
  readonly world: World;
  now(): number;
  changed(change: Change): void;
}

function checkMayChange({ world }: FsContext, folder: Inode, who: Credentials, path: string, victim?: Inode): void {
  checkWritable(world, folder, path);
  if (!may(folder, who, 2) || !may(folder, who, 1)) throw new KernelError("EACCES", path);
  const isSticky = (folder.mode & 0o1000) !== 0;
  if (isSticky && victim !== undefined && who.uid !== 0 && victim.uid !== who.uid && folder.uid !== who.uid) {
    throw new KernelError("EPERM", path);
  }
}

/** Devices are not written to by writing to them. */
export function checkWritable(world: World, inode: Inode, path: string): void {
  if (inode.kind !== "char" && isReadOnly(world, inode)) throw new KernelError("EROFS", path);
}

function link(context: FsContext, folder: Inode, name: string, inode: Inode): void {
  folder.entries.set(name, inode.ino);
  folder.mtimeMs = context.now();
  inode.parent = folder.ino;
  inode.name = name;
  inode.isUnlinked = false;
}

export function unlink(context: FsContext, inode: Inode): void {
  const folder = inodeOf(context.world, inode.parent);
  context.changed({ kind: "remove", inode });
  folder.entries.delete(inode.name);
  folder.mtimeMs = context.now();
  inode.isUnlinked = true;
  dropIfUnused(context.world, inode);
}

export function create(
  context: FsContext,
  path: string,
  who: Credentials,
  options: { kind: InodeKind; mode: number; target?: string },
): Inode {
  const place = findPlace(context.world, path, who, false);
  if (place.node !== undefined) throw new KernelError("EEXIST", path);
  if (path.endsWith("/") && options.kind !== "dir") throw new KernelError("EISDIR", path);
  checkMayChange(context, place.folder, who, path);
  const inode = newInode(context.world, options.kind, {
    mode: options.mode,
    uid: who.uid,
    gid: who.gid,
    nowMs: context.now(),
    inMemory: place.folder.inMemory,
  });
  if (options.target !== undefined) {
    inode.target = options.target;
    inode.size = Buffer.byteLength(options.target);
  }
  link(context, place.folder, place.name, inode);
  context.changed({ kind: "create", inode });
  return inode;
}

/** `open(2)` with O_CREAT: the file, made or truncated as asked. */
export function openForWriting(
  context: FsContext,
  path: string,
  who: Credentials,
  options: { truncate: boolean; mode: number },
): Inode {
  const { node } = findPlace(context.world, path, who);
  if (node === undefined)
    return create(context, resolveDangling(context, path, who), who, { kind: "file", mode: options.mode });
  if (node.kind === "dir") throw new KernelError("EISDIR", path);
  checkWritable(context.world, node, path);
  if (!may(node, who, 2)) throw new KernelError("EACCES", path);
  if (options.truncate && node.kind === "file") {
    truncate(node);
    node.mtimeMs = context.now();
    context.changed({ kind: "write", inode: node });
  }
  return node;
}

/** Creating through a dangling symbolic link creates its target. */
function resolveDangling(context: FsContext, path: string, who: Credentials): string {
  const place = findPlace(context.world, path, who, false);
  if (place.node?.kind !== "symlink") return path;
  return place.node.target.startsWith("/") ? place.node.target : `${path}/../${place.node.target}`;
}

export function makeFolders(context: FsContext, path: string, who: Credentials, mode: number): Inode {
  const parts = path.split("/").filter((part) => part !== "");
  let at = "";
  for (const part of parts) {
    at += `/${part}`;
    const { node } = findPlace(context.world, at, who);
    if (node === undefined) create(context, at, who, { kind: "dir", mode });
    else if (node.kind !== "dir") throw new KernelError(at === `/${parts.join("/")}` ? "EEXIST" : "ENOTDIR", at);
  }
  return find(context.world, path, who);
}

export function remove(context: FsContext, path: string, who: Credentials, options: { recursive: boolean }): void {
  const { node, folder } = findPlace(context.world, path, who, false);
  if (node === undefined) throw new KernelError("ENOENT", path);
  if (node.ino === ROOT_INO || node.device === "mount") throw new KernelError("EBUSY", path);
  checkMayChange(context, folder, who, path, node);
  if (node.kind === "dir" && node.entries.size > 0) {
    if (!options.recursive) throw new KernelError("ENOTEMPTY", path);
    for (const name of [...node.entries.keys()]) remove(context, `${path}/${name}`, who, options);
  }
  unlink(context, node);
}

export function rename(context: FsContext, from: string, to: string, who: Credentials, overwrite = true): Inode {
  const source = findPlace(context.world, from, who, false);
  if (source.node === undefined) throw new KernelError("ENOENT", from);
  const target = findPlace(context.world, to, who, false);
  if (target.node === source.node) return source.node;
  checkMayChange(context, source.folder, who, from, source.node);
  checkMayChange(context, target.folder, who, to, target.node);
  for (let at = target.folder; at.ino !== ROOT_INO; at = inodeOf(context.world, at.parent)) {
    if (at === source.node) throw new KernelError("EINVAL", to);
  }
  if (target.node !== undefined) {
    if (!overwrite) throw new KernelError("EEXIST", to);
    if (target.node.kind === "dir") {
      if (source.node.kind !== "dir") throw new KernelError("EISDIR", to);
      if (target.node.entries.size > 0) throw new KernelError("ENOTEMPTY", to);
    } else if (source.node.kind === "dir") throw new KernelError("ENOTDIR", to);
    target.folder.entries.delete(target.name);
    target.node.isUnlinked = true;
    dropIfUnused(context.world, target.node);
  }
  const before = pathOf(context.world, source.node);
  source.folder.entries.delete(source.name);
  source.folder.mtimeMs = context.now();
  link(context, target.folder, target.name, source.node);
  adoptMemory(context.world, source.node, target.folder.inMemory);
  context.changed({ kind: "rename", inode: source.node, from: before });
  return source.node;
}

/** What moves onto a tmpfs becomes memory, and the other way round. */
function adoptMemory(world: World, inode: Inode, inMemory: boolean): void {
  inode.inMemory = inMemory;
  for (const ino of inode.entries.values()) adoptMemory(world, inodeOf(world, ino), inMemory);
}
