import { setTimeout as delay } from "node:timers/promises";
import { run } from "../processes/run.ts";
import { loopDevicesOf } from "./loop.ts";

const UNMOUNT_TIMEOUT_MS = 20_000;
const UNMOUNT_POLL_MS = 2;

/**
 * The kernel lets go of a dead machine's disk a moment after its last process: two mounts of one file system would destroy it.
 * A loop of its own: the supervisor loads this folder before any package is installed.
 */
export async function untilUnmounted(image: string): Promise<void> {
  const end = performance.now() + UNMOUNT_TIMEOUT_MS;
  while ((await loopDevicesOf(image)).length > 0) {
    if (performance.now() >= end) throw new Error(`${image} is still mounted by a machine that has ended`);
    await delay(UNMOUNT_POLL_MS);
  }
}

/**
 * All that has been written to a file system that this kernel has mounted is in its image, on return: a copy of that is whole once
 * its journal has been replayed. Nothing to do for others. By its device, since what is mounted is in namespaces of machines,
 * where no path is to be trusted.
 */
export async function flushImage(image: string): Promise<void> {
  for (const device of await loopDevicesOf(image)) await run("blockdev", ["--flushbufs", device]);
}
