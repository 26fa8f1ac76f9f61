import { existsSync, linkSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { crashPoint, fsyncFolder } from "@pandastack/platform";
import { machineDir, sandboxDir, sandboxDisk, type HostLayout } from "../files/layout.ts";
import { volumeFileName, type Machine } from "../runtimes/runtime.ts";
import type { SandboxRecord } from "./record.ts";

/**
 * The sandbox keeps its disk by a name of its own, whatever becomes of the machine and its folder; so it does with its copies of
 * volumes that it reads. Repeatable. Of a persistent one the names are on disk on return.
 */
export function keepDisk(
  layout: HostLayout,
  sandbox: Pick<SandboxRecord, "id" | "persistent" | "volumes">,
  machine: Machine,
): void {
  if (machine.disk === undefined) return;
  const folder = sandboxDir(layout, sandbox.id);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  keep(machine.disk, sandboxDisk(layout, sandbox.id));
  for (const { drive, readOnly } of sandbox.volumes ?? []) {
    const copy = join(machineDir(layout, machine.record.machineId), volumeFileName(drive));
    if (readOnly && existsSync(copy)) keep(copy, keptCopy(layout, sandbox.id, drive));
  }
  if (!sandbox.persistent) return;
  fsyncFolder(folder);
  fsyncFolder(dirname(folder));
}

/** Where a sandbox's copy of a volume that it reads is while it has no machine and no image. */
export const keptCopy = (layout: HostLayout, sandboxId: string, drive: number): string =>
  join(sandboxDir(layout, sandboxId), volumeFileName(drive));

function keep(from: string, to: string): void {
  // Of a life that ended between link and rename; and a rename onto the same file's other name would leave both.
  rmSync(`${to}.new`, { force: true });
  if (statSync(to, { throwIfNoEntry: false })?.ino === statSync(from).ino) return;
  linkSync(from, `${to}.new`);
  crashPoint("host.disk.linked");
  renameSync(`${to}.new`, to);
}
