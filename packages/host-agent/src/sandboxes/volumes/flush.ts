import type { HostContext } from "../context.ts";

/**
 * What the guest that writes to a volume has written up to here is in its file, on return. A paused or sleeping sandbox's
 * volumes were flushed when it stopped.
 */
export async function flushInGuest(context: HostContext, volumeId: string): Promise<void> {
  const holder = context.volumes.writer(volumeId);
  const entry = holder && context.entries.get(holder.sandboxId);
  const attached = entry?.record.volumes?.find((one) => one.volumeId === volumeId);
  if (!entry || !attached || entry.state !== "running") return;
  await (await entry.guest()).syncVolume({ path: attached.path });
}
