import { KernelError } from "../world/errors.ts";
import type { Inode, World } from "../world/world.ts";
import { ROOT_INO } from "./inodes.ts";

export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}
export const ROOT: Credentials = { uid: 0, gid: 0, groups: [] };

const MAX_SYMLINKS = 40;
const MAX_NAME_BYTES = 255;

export interface Place {
  /** The folder that holds or would hold it. */
  readonly folder: Inode;
  readonly name: string;
  readonly node: Inode | undefined;
}

export function may(inode: Inode, who: Credentials, right: 4 | 2 | 1): boolean {
  if (who.uid === 0) return right !== 1 || inode.kind === "dir" || (inode.mode & 0o111) !== 0;
  if (inode.uid === who.uid) return ((inode.mode >> 6) & right) !== 0;
  if (inode.gid === who.gid || who.groups.includes(inode.gid)) return ((inode.mode >> 3) & right) !== 0;
  return (inode.mode & right) !== 0;
}

export function inodeOf(world: World, ino: number): Inode {
  const inode = world.inodes.get(ino);
  if (inode === undefined) throw new KernelError("ENOENT", `inode ${ino}`);
  return inode;
}

/** Where a path leads; `node` is undefined when only its last part is missing. */
export function findPlace(world: World, path: string, who: Credentials, follow = true): Place {
  if (path === "") throw new KernelError("ENOENT", "''");
  const root = inodeOf(world, ROOT_INO);
  let rest = path.split("/").filter((part) => part !== "" && part !== ".");
  const wantsFolder = path.endsWith("/");
  let folder = root;
  let links = 0;
  if (rest.length === 0) return { folder: root, name: "", node: root };
  for (;;) {
    const name = rest[0]!;
    rest = rest.slice(1);
    const isLast = rest.length === 0;
    if (folder.kind !== "dir") throw new KernelError("ENOTDIR", path);
    if (!may(folder, who, 1)) throw new KernelError("EACCES", path);
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw new KernelError("ENAMETOOLONG", path);
    const ino = name === ".." ? folder.parent || ROOT_INO : folder.entries.get(name);
    if (ino === undefined) {
      if (!isLast) throw new KernelError("ENOENT", path);
      return { folder, name, node: undefined };
    }
    const node = inodeOf(world, ino);
    if (node.kind === "symlink" && (!isLast || follow || wantsFolder)) {
      if (++links > MAX_SYMLINKS) throw new KernelError("ELOOP", path);
      const parts = node.target.split("/").filter((part) => part !== "" && part !== ".");
      if (node.target.startsWith("/")) folder = root;
      rest = [...parts, ...rest];
      if (rest.length === 0) return { folder: root, name: "", node: folder };
      continue;
    }
    if (isLast) {
      if (wantsFolder && node.kind !== "dir") throw new KernelError("ENOTDIR", path);
      return name === ".."
        ? { folder: inodeOf(world, node.parent || ROOT_INO), name: node.name, node }
        : { folder, name, node };
    }
    folder = node;
  }
}

export function find(world: World, path: string, who: Credentials, follow = true): Inode {
  const { node } = findPlace(world, path, who, follow);
  if (node === undefined) throw new KernelError("ENOENT", path);
  return node;
}

export function exists(world: World, path: string, who: Credentials, follow = true): Inode | undefined {
  try {
    return findPlace(world, path, who, follow).node;
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

/** The path of an inode that has a name. */
export function pathOf(world: World, inode: Inode): string {
  const parts: string[] = [];
  for (let at = inode; at.ino !== ROOT_INO; at = inodeOf(world, at.parent)) parts.unshift(at.name);
  return `/${parts.join("/")}`;
}

export function absolute(cwd: string, path: string): string {
  if (path === "" || path.startsWith("/")) return path;
  return cwd === "/" ? `/${path}` : `${cwd}/${path}`;
}
