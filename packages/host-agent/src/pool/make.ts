import { open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { run } from "../processes/run.ts";

const ALLOCATE_TIMEOUT_MS = 600_000;

/**
 * Makes the pool's image, complete or not at all. Every block is allocated now: a pool that runs out behind XFS's back loses
 * what guests have written. `-K`, because mkfs would give the blocks back otherwise.
 */
export async function makePoolImage(options: { image: string; unfinished: string; sizeBytes: number }): Promise<void> {
  const { image, unfinished, sizeBytes } = options;
  await rm(unfinished, { force: true });
  await allocate(unfinished, sizeBytes);
  await run("mkfs.xfs", ["-q", "-K", "-m", "reflink=1", "-L", "pandastack", unfinished], {
    timeoutMs: ALLOCATE_TIMEOUT_MS,
  });
  await syncFile(unfinished);
  await rename(unfinished, image);
  await syncFile(dirname(image));
}

/** Makes the file this long, with blocks behind all of it. */
export async function allocate(file: string, sizeBytes: number): Promise<void> {
  const args = ["--length", String(sizeBytes), file];
  try {
    await run("fallocate", args, { timeoutMs: ALLOCATE_TIMEOUT_MS });
  } catch (error) {
    if ((await stat(file).catch(() => undefined)) === undefined) throw error;
    // A file system without the call: zeros are written, which takes its time.
    await run("fallocate", ["--posix", ...args], { timeoutMs: ALLOCATE_TIMEOUT_MS });
  }
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
