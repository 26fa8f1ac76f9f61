import { programNames } from "../world/program-names.ts";
import type { Inode, World } from "../world/world.ts";
import { create, makeFolders, type FsContext } from "./changes.ts";
import { newInode, ROOT_INO, writeAt } from "./inodes.ts";
import { exists, find, inodeOf, ROOT } from "./lookup.ts";

/** Marks the files in /usr/bin that stand for a program of the fake. */
export const PROGRAM_MAGIC = "#!fake ";

/** The root disk of a fake guest that nobody gave one: about what the base template has, by name. */
export function buildRootDisk(context: FsContext): void {
  const { world } = context;
  const root = newInode(world, "dir", { mode: 0o755, uid: 0, gid: 0, nowMs: context.now(), inMemory: false });
  if (root.ino !== ROOT_INO) throw new Error(`the root folder must be the first inode, not ${root.ino}`);
  for (const path of [
    "/etc/pandastack",
    "/home",
    "/opt",
    "/srv",
    "/usr/bin",
    "/usr/local/bin",
    "/usr/lib",
    "/var/lib",
    "/var/log",
    "/mnt",
  ]) {
    makeFolders(context, path, ROOT, 0o755);
  }
  makeFolders(context, "/root", ROOT, 0o700);
  const user = { uid: 1000, gid: 1000, groups: [] };
  find(world, "/home", ROOT).mode = 0o777;
  create(context, "/home/user", user, { kind: "dir", mode: 0o755 });
  find(world, "/home", ROOT).mode = 0o755;
  makeFolders(context, "/var/tmp", ROOT, 0o1777).mode = 0o1777;
  for (const name of ["bin", "sbin"])
    create(context, `/${name}`, ROOT, { kind: "symlink", mode: 0o777, target: "usr/bin" });
  writeText(
    context,
    "/etc/passwd",
    "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\nuser:x:1000:1000::/home/user:/bin/bash\n",
  );
  writeText(context, "/etc/group", "root:x:0:\nsudo:x:27:user\nuser:x:1000:\nnogroup:x:65534:\n");
  writeText(context, "/etc/os-release", 'PRETTY_NAME="PandaStack fake guest"\nNAME="Fake"\nID=fake\n');
  writeText(context, "/etc/hosts", "127.0.0.1 localhost\n");
  writeText(context, "/etc/resolv.conf", "nameserver 169.254.100.1\n");
  for (const name of programNames) writeText(context, `/usr/bin/${name}`, `${PROGRAM_MAGIC}${name}\n`, 0o755);
}

/** The parts of the tree that are memory: made at every boot, kept by a restore. */
export function mountMemory(context: FsContext): void {
  const mounts: [string, number][] = [
    ["/tmp", 0o1777],
    ["/run", 0o755],
    ["/dev", 0o755],
    ["/proc", 0o555],
    ["/sys", 0o555],
  ];
  for (const [path, mode] of mounts) mount(context, path, mode);
  makeFolders(context, "/dev/shm", ROOT, 0o1777).mode = 0o1777;
  makeFolders(context, "/dev/pts", ROOT, 0o755);
  makeFolders(context, "/run/pandastack", ROOT, 0o755);
  makeFolders(context, "/proc/sys/kernel/random", ROOT, 0o555);
  const devices = {
    null: "null",
    zero: "zero",
    full: "full",
    random: "random",
    urandom: "random",
    tty: "tty",
    console: "console",
  };
  for (const [name, device] of Object.entries(devices)) special(context, `/dev/${name}`, "char", 0o666, device);
  for (const [fd, name] of ["stdin", "stdout", "stderr"].entries())
    special(context, `/dev/${name}`, "char", 0o666, `fd:${fd}`);
  for (const name of ["uptime", "loadavg", "meminfo", "cpuinfo", "mounts", "version"]) {
    special(context, `/proc/${name}`, "file", 0o444, `proc:${name}`);
  }
  for (const name of ["uuid", "boot_id"])
    special(context, `/proc/sys/kernel/random/${name}`, "file", 0o444, `proc:${name}`);
  special(context, "/proc/sys/kernel/hostname", "file", 0o644, "proc:hostname");
  // In the real guest these are bind mounts over files in /run, so that a refresh writes no disk.
  for (const path of ["/etc/hostname", "/etc/machine-id"]) {
    if (exists(context.world, path, ROOT) === undefined) writeText(context, path, "\n");
    find(context.world, path, ROOT).inMemory = true;
  }
}

export function writeText(context: FsContext, path: string, text: string, mode = 0o644): Inode {
  const inode = exists(context.world, path, ROOT) ?? create(context, path, ROOT, { kind: "file", mode });
  inode.data = Buffer.alloc(0);
  inode.size = 0;
  writeAt(inode, 0, Buffer.from(text));
  return inode;
}

function special(context: FsContext, path: string, kind: "char" | "file", mode: number, device: string): void {
  create(context, path, ROOT, { kind, mode }).device = device;
}

function mount(context: FsContext, path: string, mode: number): void {
  const folder = makeFolders(context, path, ROOT, mode);
  for (const ino of [...folder.entries.values()]) forget(context.world, inodeOf(context.world, ino));
  folder.entries.clear();
  folder.mode = mode;
  folder.inMemory = true;
  folder.device = "mount";
}

function forget(world: World, inode: Inode): void {
  for (const ino of inode.entries.values()) forget(world, inodeOf(world, ino));
  world.inodes.delete(inode.ino);
}
