import { linkSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { crashPoint } from "@pandastack/platform";
import { sandboxDir, sandboxDisk, type HostLayout } from "../files/layout.ts";
import type { Machine } from "../runtimes/runtime.ts";

/** The sandbox keeps its disk by a name of its own, whatever becomes of the machine and its folder. Repeatable. */
export function keepDisk(layout: HostLayout, sandboxId: string, machine: Machine): void {
  mkdirSync(sandboxDir(layout, sandboxId), { recursive: true, mode: 0o700 });
  const disk = sandboxDisk(layout, sandboxId);
  // Of a life that ended between link and rename; and a rename onto the same file's other name would leave both.
  rmSync(`${disk}.new`, { force: true });
  if (statSync(disk, { throwIfNoEntry: false })?.ino === statSync(machine.disk).ino) return;
  linkSync(machine.disk, `${disk}.new`);
  crashPoint("host.disk.linked");
  renameSync(`${disk}.new`, disk);
}
