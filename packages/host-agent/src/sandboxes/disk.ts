import { linkSync, mkdirSync, renameSync } from "node:fs";
import { sandboxDir, sandboxDisk, type HostLayout } from "../files/layout.ts";
import type { Machine } from "../runtimes/runtime.ts";

/** The sandbox keeps its disk by a name of its own, whatever becomes of the machine and its folder. */
export function keepDisk(layout: HostLayout, sandboxId: string, machine: Machine): void {
  mkdirSync(sandboxDir(layout, sandboxId), { recursive: true, mode: 0o700 });
  const disk = sandboxDisk(layout, sandboxId);
  linkSync(machine.disk, `${disk}.new`);
  renameSync(`${disk}.new`, disk);
}
