import { join } from "node:path";
import type { ForkVolumes } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import { volumeFile } from "../../files/layout.ts";
import { volumeFileName, type Runtime, type VolumePlan } from "../../runtimes/runtime.ts";
import type { HostContext } from "../context.ts";
import type { SandboxRecord } from "../record.ts";
import { NO_ATTACHMENTS, copyFromImage, deviceOf, makeReadOnly, type Attachments } from "./attach.ts";
import { copyVolume } from "./copy.ts";
import type { AttachedVolume, VolumeRecord } from "./registry.ts";
import { requireVolumeRoom } from "./room.ts";

interface ForkChild {
  readonly sandboxId: string;
  readonly volumes?: ForkVolumes | undefined;
}

const writableOf = (record: SandboxRecord): AttachedVolume[] =>
  (record.volumes ?? []).filter((volume) => !volume.readOnly);

/** Before the parent is stopped: whether what is asked for can be given. */
export async function requireForkVolumes(
  context: HostContext,
  parent: SandboxRecord,
  children: readonly ForkChild[],
): Promise<void> {
  const writable = writableOf(parent);
  if (writable.length === 0) return;
  for (const { volumes } of children) {
    if (!Array.isArray(volumes)) continue;
    const missing = writable.find((volume) => !volumes.some((clone) => clone.of === volume.volumeId));
    if (missing)
      throw new Refusal("validation.failed", `volumes: there is no clone for volume "${missing.name}"`, {
        details: { field: "volumes" },
      });
    for (const { volumeId, name } of volumes) {
      if (context.volumes.records.has(volumeId))
        throw new Refusal("volume.already_exists", `volume "${name}" exists already`);
    }
  }
  // A clone has blocks of its own; a copy for reading comes to have them when the parent writes on.
  const bytes = writable.reduce((sum, volume) => sum + volume.sizeBytes, 0) * children.length;
  await requireVolumeRoom(context, bytes, "a fork with its volumes");
}

/**
 * A child's memory has its parent's volumes mounted. Beneath them come copies of the same instant: its own volumes, or copies
 * that end with it and that it is let read only.
 */
export async function forkVolumes(
  context: HostContext,
  options: { parent: SandboxRecord; child: ForkChild; imageDir: string; runtime: Runtime },
): Promise<{ attachments: Attachments; clones: VolumeRecord[] }> {
  const { parent, child, imageDir, runtime } = options;
  const volumes = parent.volumes ?? [];
  if (volumes.length === 0) return { attachments: NO_ATTACHMENTS, clones: [] };
  const wanted = Array.isArray(child.volumes) ? child.volumes : [];
  const clones: VolumeRecord[] = [];
  const attached: AttachedVolume[] = [];
  const plans: VolumePlan[] = [];
  const toBeRead: AttachedVolume[] = [];
  try {
    for (const volume of volumes) {
      const clone = volume.readOnly ? undefined : wanted.find((one) => one.of === volume.volumeId);
      if (!clone) {
        attached.push({ ...volume, readOnly: true, copyBytes: volume.sizeBytes });
        plans.push(copyFromImage(volume, imageDir));
        if (!volume.readOnly) toBeRead.push(volume);
        continue;
      }
      const { volumeId, name } = clone;
      const source = context.volumes.records.get(volume.volumeId);
      const { sizeBytes } = source ?? volume;
      const from = join(imageDir, volumeFileName(volume.drive));
      const sharedBytes = await context.allocating(() => copyVolume(context, { from, volumeId, name, sizeBytes }));
      const createdAt = new Date().toISOString();
      const isHostWritten = source?.isHostWritten === true;
      clones.push({ id: volumeId, name, sizeBytes, isSnapshot: false, sharedBytes, isHostWritten, createdAt });
      attached.push({ ...volume, volumeId, name });
      plans.push({ drive: volume.drive, source: { link: volumeFile(context.layout, volumeId) } });
    }
  } catch (error) {
    await removeClones(context, clones);
    throw error;
  }
  const settle: Attachments["settle"] = async (guest) => {
    await Promise.all(toBeRead.map((volume) => makeReadOnly(guest, volume, deviceOf(runtime))));
  };
  return { attachments: { attached, plans, settle }, clones };
}

export async function removeClones(context: HostContext, clones: readonly VolumeRecord[]): Promise<void> {
  await Promise.all(clones.map(({ id }) => context.volumeImages.remove(volumeFile(context.layout, id))));
}
