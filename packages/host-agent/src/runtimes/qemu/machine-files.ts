import {
  constants,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { crashPoint } from "@pandastack/platform";
import { run } from "../../processes/run.ts";
import type { NetworkSlot } from "../../network/slot.ts";

/**
 * A machine's folder, seen as /vm by its VMM:
 *
 *     memory    what its RAM is a private mapping of: a hard link to an image's, so that the image may be deleted
 *     devices   device state to load; a hard link, too
 *     disk      its root disk; the sandbox has a hard link to it
 *     volume0-3 volumes in the places of the template's free drives: a link to the volume's own file, or a copy
 *     out/      where the VMM may write: device state of snapshots
 *     pid.json  written by the jailer while it starts
 *     vmm.log   what the VMM printed
 */
export interface MachineFiles {
  readonly dir: string;
  readonly runDir: string;
  readonly nodesDir: string;
}

export const MEMORY = "memory";
export const DEVICES = "devices";
export const DISK = "disk";

/** Memory and device files are shared by many machines: readable by each one's user (only inside its jail), writable by none. */
const SHARED_MODE = 0o444;

export async function makeMachineFiles(files: MachineFiles, slot: NetworkSlot, withKvm: boolean): Promise<void> {
  mkdirSync(join(files.dir, "out"), { recursive: true, mode: 0o755 });
  chmodSync(files.dir, 0o755);
  chownSync(join(files.dir, "out"), slot.uid, slot.uid);
  mkdirSync(files.runDir, { recursive: true, mode: 0o700 });
  chownSync(files.runDir, slot.uid, slot.uid);
  await makeNodes(files.nodesDir, slot.uid, withKvm);
  crashPoint("host.machine.files-made");
}

/** `/dev/net/tun` and `/dev/kvm` as nodes of the slot's own: the host's keep their modes. */
async function makeNodes(dir: string, uid: number, withKvm: boolean): Promise<void> {
  const wanted = withKvm
    ? ([
        ["tun", "10", "200"],
        ["kvm", "10", "232"],
      ] as const)
    : ([["tun", "10", "200"]] as const);
  for (const [name, major, minor] of wanted) {
    const path = join(dir, name);
    if (existsSync(path)) continue;
    mkdirSync(dir, { recursive: true, mode: 0o711 });
    // A former life may have ended just before the move.
    rmSync(`${path}.new`, { force: true });
    await run("mknod", ["-m", "0600", `${path}.new`, "c", major, minor]);
    crashPoint("host.machine.node-made");
    chownSync(`${path}.new`, uid, uid);
    await run("mv", ["-f", `${path}.new`, path]);
  }
}

export function linkMemory(files: MachineFiles, imageDir: string): void {
  linkSync(join(imageDir, MEMORY), join(files.dir, MEMORY));
}

/** True once everything of the image is in its place; false while it is being written (see `SnapshotOptions.onLaidOut`). */
export const isImageWhole = (imageDir: string): boolean => existsSync(join(imageDir, DEVICES));

/** Whether it was started from an image. */
export const isRestored = (files: MachineFiles): boolean => existsSync(join(files.dir, DEVICES));

/** What an image that was not whole yet when the VMM started has got since: device state, and the disk as it was at that instant. */
export async function catchUp(
  files: MachineFiles,
  { imageDir, slot, diskIsOld }: { imageDir: string; slot: NetworkSlot; diskIsOld: boolean },
): Promise<void> {
  linkSync(join(imageDir, DEVICES), join(files.dir, DEVICES));
  if (!diskIsOld) return;
  const disk = join(files.dir, DISK);
  // Into the same inode, which the VMM has open and has not read from. With its content it gets the image's mode and owner.
  await copyFile(join(imageDir, DISK), disk, constants.COPYFILE_FICLONE_FORCE);
  chmodSync(disk, 0o600);
  chownSync(disk, slot.uid, slot.uid);
}

/** Memory of a machine that boots: all of it a hole. */
export function makeEmptyMemory(files: MachineFiles, memoryMb: number): void {
  const fd = openSync(join(files.dir, MEMORY), "wx", SHARED_MODE);
  ftruncateSync(fd, memoryMb * 1_048_576);
  closeSync(fd);
}

/** The machine's disk: an existing one taken over, or a copy-on-write copy. */
export async function placeDisk(
  files: MachineFiles,
  slot: NetworkSlot,
  source: { takeOver: string } | { copyOf: string },
): Promise<void> {
  const disk = join(files.dir, DISK);
  if ("takeOver" in source) linkSync(source.takeOver, disk);
  else await copyFile(source.copyOf, disk, constants.COPYFILE_FICLONE_FORCE);
  chownSync(disk, slot.uid, slot.uid);
  crashPoint("host.machine.disk-placed");
  chmodSync(disk, 0o600);
}

export function removeMachineFiles(files: MachineFiles): void {
  rmSync(files.dir, { recursive: true, force: true });
  rmSync(files.runDir, { recursive: true, force: true });
}
