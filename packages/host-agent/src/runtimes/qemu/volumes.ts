import { constants, chmodSync, chownSync, existsSync, linkSync, statSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { crashPoint } from "@pandastack/platform";
import type { NetworkSlot } from "../../network/slot.ts";
import { volumeFileName, type VolumePlan } from "../runtime.ts";
import { PLACEHOLDER_DRIVES } from "./command-line.ts";
import type { MachineFiles } from "./machine-files.ts";
import type { Qmp } from "./qmp.ts";
import type { Vmm } from "./vmm.ts";

/** A volume's file in the machine's folder, where the jail sees it. */
async function placeVolume(files: MachineFiles, slot: NetworkSlot, plan: VolumePlan): Promise<void> {
  const file = join(files.dir, volumeFileName(plan.drive));
  if ("link" in plan.source) linkSync(plan.source.link, file);
  else await copyFile(plan.source.copyOf, file, constants.COPYFILE_FICLONE_FORCE);
  chownSync(file, slot.uid, slot.uid);
  chmodSync(file, 0o600);
}

const nodeName = (drive: number): string => `data${drive}`;

/**
 * Gives a VMM that has loaded nothing yet the volumes: each takes the place of the empty drive that the template was baked
 * with. Two commands of a millisecond, so a VMM that was started ahead takes volumes as well as one that was started for them.
 * What the guest flushes reaches the pool's disk. What it discards stays the volume's: its blocks were allocated for good.
 */
export async function plugVolumes(vmm: Vmm, volumes: readonly VolumePlan[]): Promise<void> {
  for (const plan of volumes) {
    await placeVolume(vmm.files, vmm.record.slot, plan);
    crashPoint("host.machine.volume-placed");
    await vmm.qmp.command("blockdev-add", {
      driver: "raw",
      "node-name": nodeName(plan.drive),
      cache: { "no-flush": false },
      file: { driver: "file", filename: `/vm/${volumeFileName(plan.drive)}`, aio: "threads", locking: "off" },
    });
    await vmm.qmp.command("qom-set", {
      path: `/machine/peripheral/volume${plan.drive}-device`,
      property: "drive",
      value: nodeName(plan.drive),
    });
    crashPoint("host.machine.volumes-plugged");
  }
}

/** The guest believes that the drive is as large as when its memory was taken: an interrupt makes it look again. */
export async function announceVolume(qmp: Qmp, files: MachineFiles, drive: number): Promise<void> {
  const { size } = statSync(join(files.dir, volumeFileName(drive)));
  await qmp.command("block_resize", { "node-name": nodeName(drive), size });
}

/** Names of the files of the volumes that a machine has. */
export function volumeFilesIn(dir: string): string[] {
  return Array.from({ length: PLACEHOLDER_DRIVES }, (_, drive) => volumeFileName(drive)).filter((name) =>
    existsSync(join(dir, name)),
  );
}
