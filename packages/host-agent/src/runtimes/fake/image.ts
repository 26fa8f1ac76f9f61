import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { MachineRecord } from "../runtime.ts";
import { decodeWorld, encodeWorld } from "./world/codec.ts";
import type { Inode, World } from "./world/world.ts";

/** In an image's folder: what a real guest has in memory, and its disk. */
const MEMORY_FILE = "memory.json";
export const DISK_FILE = "disk.json";
const BUILD_FILE = "build.json";

/** What a machine runs on, and what its images need: it is restored as the same. */
export type FakeBuild = Required<Pick<MachineRecord, "buildKey">> & Pick<MachineRecord, "needs">;

interface Disk {
  readonly format: "pandastack-fake-disk-1";
  readonly inodes: Map<number, Inode>;
}

function splitWorld(world: World): { memory: World; disk: Disk } {
  const [inMemory, onDisk] = [new Map<number, Inode>(), new Map<number, Inode>()];
  for (const [ino, inode] of world.inodes) {
    // Room that a file has but does not use is not worth writing down.
    const saved = { ...inode, data: Buffer.from(inode.data.subarray(0, inode.size)) };
    (inode.inMemory || inode.isUnlinked ? inMemory : onDisk).set(ino, saved);
  }
  return { memory: { ...world, inodes: inMemory }, disk: { format: "pandastack-fake-disk-1", inodes: onDisk } };
}

export async function writeDisk(path: string, world: World): Promise<void> {
  await writeText(path, encodeWorld(splitWorld(world).disk));
}

/** Answers how many bytes were written. */
export async function writeImage(imageDir: string, world: World, { buildKey, needs }: FakeBuild): Promise<number> {
  // One synchronous look at the world: what is written is one instant of it.
  const { memory, disk } = splitWorld(world);
  const [memoryText, diskText] = [encodeWorld(memory), encodeWorld(disk)];
  await writeText(join(imageDir, MEMORY_FILE), memoryText);
  await writeText(join(imageDir, DISK_FILE), diskText);
  await writeText(join(imageDir, BUILD_FILE), JSON.stringify({ buildKey, needs }));
  return memoryText.length + diskText.length;
}

export const readBuild = async (imageDir: string): Promise<FakeBuild> =>
  JSON.parse(await readFile(join(imageDir, BUILD_FILE), "utf8")) as FakeBuild;

/** The world of an image, over the disk at `diskPath` (a copy of the image's, or the sandbox's own). */
export async function readImage(imageDir: string, diskPath: string): Promise<World> {
  const world = decodeWorld(await readFile(join(imageDir, MEMORY_FILE), "utf8")) as World;
  const inodes = await readDisk(diskPath);
  if (inodes === undefined) throw new Error(`${diskPath} is not the disk of a fake guest`);
  for (const [ino, inode] of inodes) world.inodes.set(ino, inode);
  return world;
}

/** Undefined when the file is no disk of ours: an empty file, or a real file system meant for another runtime. */
export async function readDisk(path: string): Promise<Map<number, Inode> | undefined> {
  const file = await open(path, "r");
  try {
    const head = Buffer.alloc(32);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (!head.toString("latin1", 0, bytesRead).startsWith('{"format":"pandastack-fake-disk')) return undefined;
    return (decodeWorld(await file.readFile("utf8")) as Disk).inodes;
  } finally {
    await file.close();
  }
}

/** In place: other names (a sandbox's) may lead to the same file. */
async function writeText(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
}
