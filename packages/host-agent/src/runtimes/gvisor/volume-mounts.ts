import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { VOLUMES_PER_SANDBOX } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import { LET_GO_OF_POOLS, loopDevicesOf } from "../../pool/index.ts";
import { CommandFailed, run } from "../../processes/run.ts";

/** Places of volumes that every container with a disk has. A checkpoint has mounted what was in them, and finds there what is now. */
export const DRIVES: readonly number[] = Array.from({ length: VOLUMES_PER_SANDBOX }, (_, drive) => drive);

/** Where a place is inside: in a file system that is in memory, where no name is on the disk. The agent mounts it where it is wanted. */
export const volumeDevice = (drive: number): string => `/run/pandastack-volumes/${drive}`;

/** On the host: an empty folder, in which only the machine's own processes see the volume. */
export const volumeDir = (machineRunDir: string, drive: number): string => join(machineRunDir, `volume${drive}`);

/** Of an ext4 superblock: where it is, and where in it the fields are. */
const SUPERBLOCK = { offset: 1024, bytes: 1024, blocksLow: 0x04, logBlockSize: 0x18, blocksHigh: 0x150 };

/** Makes the file system of a volume that is about to be mounted fill its image, which may have become larger. */
export async function growUnmounted(image: string): Promise<void> {
  if (!hasGrown(image)) return;
  // It replays the journal, and puts right what an earlier attempt that was cut short has left: exit code 1 says that it did.
  await run("e2fsck", ["-f", "-p", image], { timeoutMs: GROW_TIMEOUT_MS }).catch((error: unknown) => {
    if (!(error instanceof CommandFailed) || error.exitCode !== 1) throw error;
  });
  await run("resize2fs", [image], { timeoutMs: GROW_TIMEOUT_MS });
}

/** This kernel alone has written what is looked at. */
function hasGrown(image: string): boolean {
  const fd = openSync(image, "r");
  try {
    const head = Buffer.alloc(SUPERBLOCK.bytes);
    readSync(fd, head, 0, head.length, SUPERBLOCK.offset);
    const blockBytes = 1024 * 2 ** head.readUInt32LE(SUPERBLOCK.logBlockSize);
    const blocks = head.readUInt32LE(SUPERBLOCK.blocksHigh) * 2 ** 32 + head.readUInt32LE(SUPERBLOCK.blocksLow);
    return Math.floor(statSync(image).size / blockBytes) > blocks;
  } finally {
    closeSync(fd);
  }
}

/** Every block group is looked at. */
const GROW_TIMEOUT_MS = 120_000;

/** A second mount of what is mounted already is the same file system: by it the kernel lets it be grown from here. */
const GROW = `${LET_GO_OF_POOLS}
set -eu
losetup --set-capacity "$1"
mount -t ext4 -o nosuid,nodev,noatime,noinit_itable -- "$1" "$2"
exec resize2fs "$1"`;

/** Makes the file system of a volume that is mounted fill its image. The kernel wants CAP_SYS_RESOURCE for it, which some containers lack. */
export async function growMounted(image: string, dir: string): Promise<void> {
  const unshared = ["--mount", "--propagation", "private", "--", "/bin/sh", "-c", GROW, "grow"];
  try {
    for (const device of await loopDevicesOf(image)) await run("unshare", [...unshared, device, dir]);
  } catch (error) {
    const why = error instanceof CommandFailed ? error.stderr.trim().split("\n").at(-1) : String(error);
    throw new Refusal(
      "volume.mount_failed",
      `the volume has its new size and could not be grown where it is mounted; it grows when its sandbox wakes, or when it is attached next: ${why}`,
      { cause: error },
    );
  }
}
