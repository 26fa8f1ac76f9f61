import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { copyFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { VolumeImages } from "../runtime.ts";
import { inodeOf } from "./fs/lookup.ts";
import { decodeWorld, encodeWorld } from "./world/codec.ts";
import type { Inode, World } from "./world/world.ts";

/**
 * What a volume's file holds here: the inodes of its file system as text, in a file as long as the volume is large, so that
 * its size is where a real one's is.
 */
interface VolumeFile {
  readonly root: number;
  readonly inodes: Map<number, Inode>;
}

const EMPTY: VolumeFile = { root: 0, inodes: new Map() };

export const fakeVolumeImages: VolumeImages = {
  async make({ path, sizeBytes }) {
    await writeFile(path, encodeWorld(EMPTY), { mode: 0o600, flag: "wx" });
    await truncate(path, sizeBytes);
  },
  async copy({ from, to, sizeBytes }) {
    // Without its holes: what is behind the text is nothing.
    const text = (await readFile(from, "utf8")).replace(/\0+$/, "");
    await writeFile(to, text, { mode: 0o600 });
    await truncate(to, sizeBytes);
    return 0;
  },
  grow: ({ path, sizeBytes }) => truncate(path, sizeBytes),
  remove: (path) => rm(path, { force: true }),
};

export async function copyVolumeFile(from: string, to: string): Promise<void> {
  mkdirSync(dirname(to), { recursive: true });
  await copyFile(from, to);
}

/** Puts what is in a volume's file into a folder of the world. Open files keep room for more than they use, so bytes count. */
export function loadVolume(world: World, file: string, mountPoint: Inode): void {
  const { root, inodes } = decodeWorld(readFileSync(file, "utf8").replace(/\0+$/, "")) as VolumeFile;
  const numbers = new Map([...inodes.keys()].map((ino) => [ino, ino === root ? mountPoint.ino : world.nextId++]));
  for (const [old, inode] of inodes) {
    const ino = numbers.get(old)!;
    const entries = new Map([...inode.entries].map(([name, child]) => [name, numbers.get(child)!]));
    if (old === root) {
      for (const [name, child] of entries) mountPoint.entries.set(name, child);
      mountPoint.mode = inode.mode;
      mountPoint.uid = inode.uid;
      mountPoint.gid = inode.gid;
    } else {
      const parent = numbers.get(inode.parent) ?? mountPoint.ino;
      world.inodes.set(ino, { ...inode, ino, parent, entries, opens: 0, inMemory: true });
    }
  }
}

/** Writes what is in the folders that volumes are mounted on to their files. */
export function saveVolumes(world: World): void {
  for (const { mount, file, readOnly } of world.volumes.values()) {
    if (mount === null || readOnly) continue;
    const inodes = new Map<number, Inode>();
    const add = (inode: Inode): void => {
      inodes.set(inode.ino, { ...inode, data: Buffer.from(inode.data.subarray(0, inode.size)), opens: 0 });
      for (const child of inode.entries.values()) add(inodeOf(world, child));
    };
    add(inodeOf(world, mount));
    const { size } = statSync(file);
    // In place, and as long as before: the file has other names.
    writeFileSync(file, encodeWorld({ root: mount, inodes } satisfies VolumeFile));
    truncateSync(file, Math.max(size, statSync(file).size));
  }
}
