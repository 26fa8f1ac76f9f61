import { statfs } from "node:fs/promises";
import type { SandboxVolume } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import { POOL_RESERVE_BYTES } from "../admission/index.ts";
import type { HostContext } from "../context.ts";

const MIB = 1_048_576;

/**
 * Refuses what the pool has no room for, before anything is made. A volume has all of its blocks from the beginning, so
 * writing to it never meets a full pool. Copies share blocks, which come apart when either side is rewritten: what that may
 * still take is counted as taken.
 */
export async function requireVolumeRoom(context: HostContext, sizeBytes: number, what: string): Promise<void> {
  const { bavail, bsize } = await statfs(context.layout.poolDir);
  const room = bavail * bsize - promisedBytes(context) - POOL_RESERVE_BYTES;
  if (sizeBytes <= room) return;
  throw new Refusal(
    "capacity.insufficient_storage",
    `${what} needs ${Math.ceil(sizeBytes / MIB)} MiB, and the host's storage pool has ${Math.max(0, Math.floor(room / MIB))} MiB for volumes; delete volumes, snapshots or sandboxes, or enlarge the pool`,
  );
}

/** Of a volume that somebody writes to while others have copies for reading, both may come to be there in full. */
export async function requireRoomBeside(context: HostContext, asked: readonly SandboxVolume[]): Promise<void> {
  for (const { volumeId, name, readOnly } of asked) {
    const { sizeBytes } = context.volumes.require(volumeId);
    const others = context.volumes.holders(volumeId).filter((holder) => holder.readOnly !== readOnly);
    if (others.length === 0) continue;
    const copies = readOnly ? 1 : others.length;
    await requireVolumeRoom(context, sizeBytes * copies, `attaching volume "${name}" beside others`);
  }
}

function promisedBytes({ volumes, snapshots, entries }: HostContext): number {
  let bytes = 0;
  for (const record of volumes.records.values()) bytes += record.sharedBytes;
  for (const snapshot of snapshots.values()) bytes += snapshot.volumeBytes ?? 0;
  for (const entry of entries.values()) {
    for (const volume of entry.record.volumes ?? []) {
      if (volume.readOnly && volumes.writer(volume.volumeId)) bytes += volume.copyBytes;
    }
  }
  return bytes;
}
