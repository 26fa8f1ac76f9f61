import { constants } from "node:fs";
import { copyFile, open, rm, stat, truncate } from "node:fs/promises";
import { run } from "../processes/run.ts";
import { flushImage, untilUnmounted } from "../pool/index.ts";
import { allocate } from "../pool/make.ts";
import type { VolumeImages } from "../runtimes/runtime.ts";

const FORMAT_TIMEOUT_MS = 120_000;
/** What ext4 has room for in a label. */
const LABEL_BYTES = 16;
const BLOCK_BYTES = 512;

/**
 * Images of ext4 file systems. The host makes them and never looks into one again, since what a guest has written into it
 * may be made to break whoever reads it: growing a file system is the guest's work.
 */
export const ext4Images: VolumeImages = {
  async make({ path, name, sizeBytes }) {
    const file = await open(path, "wx", 0o600);
    await file.close();
    await truncate(path, sizeBytes);
    // Not lazily: the first guest would write all of the inode tables in the background otherwise.
    const options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard";
    await run("mkfs.ext4", ["-q", "-F", "-E", options, "-L", `fcvol-${name}`.slice(0, LABEL_BYTES), path], {
      timeoutMs: FORMAT_TIMEOUT_MS,
    });
    // After it, since it takes the blocks of what it zeroes away again. Every block is the volume's from now on.
    await allocate(path, sizeBytes);
    await sync(path);
  },

  async copy({ from, to, sizeBytes }) {
    await flushImage(from);
    await untilUnmounted(to);
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
    // A copy shares what was written, and has holes for what was not.
    const sharedBytes = (await stat(to)).blocks * BLOCK_BYTES;
    await allocate(to, sizeBytes);
    await sync(to);
    return sharedBytes;
  },

  async grow({ path, sizeBytes }) {
    await allocate(path, sizeBytes);
    await sync(path);
  },

  async remove(path) {
    await rm(path, { force: true });
  },
};

async function sync(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
