import { constants, chmodSync, closeSync, linkSync, mkdirSync, openSync, readSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crashPoint, waitFor } from "@pandastack/platform";
import { loopDevicesOf } from "../../pool/index.ts";
import { run } from "../../processes/run.ts";
import { AGENT_PATH } from "./addresses.ts";

/** A root disk's name in a machine's and in an image's folder on the pool. */
export const DISK = "disk";

const UNMOUNT_TIMEOUT_MS = 20_000;
const UNMOUNT_POLL_MS = 2;

/**
 * A machine's disk, an ext4 image with which the host's kernel alone has dealt: a sandbox makes files in it, and never sees its
 * blocks. So the kernel may mount it, where it must not mount what a guest's kernel could have written.
 */
export async function placeDisk(dir: string, source: { takeOver: string } | { copyOf: string }): Promise<string> {
  const disk = join(dir, DISK);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if ("takeOver" in source) {
    await untilUnmounted(source.takeOver);
    linkSync(source.takeOver, disk);
  } else {
    await copyFile(source.copyOf, disk, constants.COPYFILE_FICLONE_FORCE);
    chmodSync(disk, 0o600);
  }
  crashPoint("host.machine.disk-placed");
  return disk;
}

/** The kernel lets go of a dead machine's disk a moment after its last process: two mounts of one file system would destroy it. */
export async function untilUnmounted(image: string): Promise<void> {
  await waitFor(async () => (await loopDevicesOf(image)).length === 0, {
    timeoutMs: UNMOUNT_TIMEOUT_MS,
    intervalMs: UNMOUNT_POLL_MS,
    message: `${image} is still mounted by a machine that has ended`,
  });
}

/** All that has been written to a disk that is mounted is in its image, on return: it is whole after its journal is replayed. */
export async function flushDisk(image: string): Promise<void> {
  for (const device of await loopDevicesOf(image)) await run("blockdev", ["--flushbufs", device]);
}

/** A copy of a disk at this instant, of which nobody writes to at the moment. */
export async function copyDisk(disk: string, to: string): Promise<void> {
  await flushDisk(disk);
  await copyFile(disk, to, constants.COPYFILE_FICLONE_FORCE);
}

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
