import { constants, chmodSync, closeSync, existsSync, linkSync, mkdirSync, openSync, readSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crashPoint } from "@pandastack/platform";
import { flushImage, untilUnmounted } from "../../pool/index.ts";
import { run } from "../../processes/run.ts";
import { volumeFileName, type VolumePlan } from "../runtime.ts";
import { AGENT_PATH } from "./addresses.ts";
import { DRIVES } from "./volume-mounts.ts";

/** A root disk's name in a machine's and in an image's folder on the pool. */
export const DISK = "disk";

/**
 * A machine's disk, an ext4 image with which the host's kernel alone has dealt: a sandbox makes files in it, and never sees its
 * blocks. So the kernel may mount it, where it must not mount what a guest's kernel could have written.
 */
export async function placeDisk(dir: string, source: { link: string } | { copyOf: string }): Promise<string> {
  const disk = await placeImage(dir, DISK, source);
  crashPoint("host.machine.disk-placed");
  return disk;
}

/** Volumes' images beside it: each by another name of its own file, or a copy. */
export async function placeVolumes(dir: string, plans: readonly VolumePlan[]): Promise<void> {
  for (const { drive, source } of plans) {
    if ("copyOf" in source) await flushImage(source.copyOf);
    await placeImage(dir, volumeFileName(drive), source);
    crashPoint("host.machine.volume-placed");
  }
}

async function placeImage(dir: string, name: string, source: VolumePlan["source"]): Promise<string> {
  const image = join(dir, name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if ("link" in source) {
    await untilUnmounted(source.link);
    linkSync(source.link, image);
  } else {
    await copyFile(source.copyOf, image, constants.COPYFILE_FICLONE_FORCE);
    chmodSync(image, 0o600);
  }
  return image;
}

/** Names of the images that a machine has: its disk and its volumes. */
export const imagesIn = (dir: string): string[] =>
  [DISK, ...DRIVES.map(volumeFileName)].filter((name) => existsSync(join(dir, name)));

/** In a mount namespace that ends with it. The image is set-up's own; nothing has written to it yet. */
const FURNISH = `set -eu
mount -t ext4 -o loop,noinit_itable -- "$1" "$3"
install -D -m 0755 -- "$2" "$3$4"`;

/** Puts the agent into a new root disk: there is no initrd that could bring it. */
export async function furnishDisk(disk: string, agent: string): Promise<void> {
  const unshared = ["--mount", "--propagation", "private", "--", "/bin/sh", "-c", FURNISH, "furnish"];
  await run("unshare", [...unshared, disk, agent, dirname(disk), AGENT_PATH]);
  await untilUnmounted(disk);
}

/** An EROFS image's superblock begins with this, at this place. */
const EROFS = { magic: 0xe0f5_e1e2, offset: 1024 };

/** Whether a root image is a template's, which the sentry reads by itself, and not a disk. */
export function isErofs(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    const head = Buffer.alloc(4);
    readSync(fd, head, 0, head.length, EROFS.offset);
    return head.readUInt32LE() === EROFS.magic;
  } finally {
    closeSync(fd);
  }
}
