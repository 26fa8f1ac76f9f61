import { content } from "../fs/inodes.ts";
import { exists, ROOT } from "../fs/lookup.ts";
import type { World } from "../world/world.ts";

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: number[];
  readonly home: string;
  readonly shell: string;
}

/** By name or number, from the guest's own /etc/passwd and /etc/group. */
export function findUser(world: World, nameOrUid: string): User | undefined {
  for (const [name, , uid, gid, , home, shell] of table(world, "/etc/passwd")) {
    if (name !== nameOrUid && uid !== nameOrUid) continue;
    const groups = table(world, "/etc/group")
      .filter((row) => (row[3] ?? "").split(",").includes(name!))
      .map((row) => Number(row[2]));
    return { name: name!, uid: Number(uid), gid: Number(gid), groups, home: home ?? "/", shell: shell ?? "/bin/sh" };
  }
  return undefined;
}

export function findGroup(world: World, nameOrGid: string): number | undefined {
  const row = table(world, "/etc/group").find(([name, , gid]) => name === nameOrGid || gid === nameOrGid);
  return row === undefined ? undefined : Number(row[2]);
}

export function userName(world: World, uid: number): string {
  return table(world, "/etc/passwd").find((row) => row[2] === String(uid))?.[0] ?? String(uid);
}

export function groupName(world: World, gid: number): string {
  return table(world, "/etc/group").find((row) => row[2] === String(gid))?.[0] ?? String(gid);
}

function table(world: World, path: string): string[][] {
  const inode = exists(world, path, ROOT);
  if (inode === undefined) return [];
  return content(inode)
    .toString()
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(":"));
}
