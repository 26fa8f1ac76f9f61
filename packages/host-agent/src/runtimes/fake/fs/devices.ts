import { KernelError } from "../world/errors.ts";
import { randomBytes, randomUuid } from "../world/random.ts";
import type { Inode, World } from "../world/world.ts";
import { content, writeAt } from "./inodes.ts";

export interface Clocks {
  wallMs(): number;
  monotonicMs(): number;
}

/** Text of the /proc files that the fake has; made anew for each reader that starts at the beginning. */
const procFiles: Record<string, (world: World, clocks: Clocks) => string> = {
  "proc:uuid": (world) => `${randomUuid(world)}\n`,
  "proc:boot_id": (world) => `${world.bootId}\n`,
  "proc:hostname": (world) => `${world.hostname}\n`,
  "proc:uptime": (_world, clocks) => `${(clocks.monotonicMs() / 1000).toFixed(2)} 0.00\n`,
  "proc:loadavg": (world) => `0.00 0.00 0.00 1/${world.processes.size} ${world.nextPid}\n`,
  "proc:meminfo": () => "MemTotal:         524288 kB\nMemFree:          400000 kB\nMemAvailable:     400000 kB\n",
  "proc:cpuinfo": () => "processor\t: 0\nmodel name\t: fake\n",
  "proc:mounts": () =>
    "/dev/vda / ext4 rw 0 0\nproc /proc proc rw 0 0\ntmpfs /tmp tmpfs rw 0 0\ntmpfs /run tmpfs rw 0 0\n",
  "proc:version": () => "Linux version 0.0.0-fake\n",
};

/** Up to `count` bytes from `offset`; an empty buffer at the end. */
export function readInode(world: World, clocks: Clocks, inode: Inode, offset: number, count: number): Buffer {
  if (inode.kind === "dir") throw new KernelError("EISDIR", inode.name);
  switch (inode.device) {
    case "":
    case "mount":
      return content(inode).subarray(offset, offset + count);
    case "null":
      return Buffer.alloc(0);
    case "zero":
    case "full":
      return Buffer.alloc(count);
    case "random":
      return randomBytes(world, count);
    default: {
      const make = procFiles[inode.device];
      if (make === undefined) return Buffer.alloc(0);
      // A reader that comes back for the rest gets the rest of what it began to read.
      if (offset === 0) inode.data = Buffer.from(make(world, clocks));
      return inode.data.subarray(offset, offset + count);
    }
  }
}

export function writeInode(inode: Inode, offset: number, data: Uint8Array): void {
  if (inode.device === "full") throw new KernelError("ENOSPC", inode.name);
  if (inode.device.startsWith("proc:")) throw new KernelError("EACCES", inode.name);
  if (inode.device === "" || inode.device === "mount") writeAt(inode, offset, data);
}
