import { existsSync, rmSync } from "node:fs";
import type { HostCommand, HostVolume } from "@pandastack/contracts/host";
import { Refusal, crashPoint } from "@pandastack/platform";
import { volumeFile } from "../../files/layout.ts";
import type { Answering } from "../commit.ts";
import type { HostContext } from "../context.ts";
import { deviceOf, growInGuest } from "../volumes/attach.ts";
import { copyVolume, placeVolume, withRoomRefused } from "../volumes/copy.ts";
import { flushInGuest } from "../volumes/flush.ts";
import type { VolumeRecord } from "../volumes/registry.ts";
import { requireVolumeRoom } from "../volumes/room.ts";

type Command<N extends HostCommand["name"]> = Extract<HostCommand, { name: N }>;

export async function createVolume(
  context: HostContext,
  command: Command<"createVolume">,
  answering: Answering,
): Promise<HostVolume> {
  const { volumeId, volumeName, sizeBytes } = command;
  requireNew(context, volumeId);
  await context.allocating(async () => {
    await requireVolumeRoom(context, sizeBytes, `volume "${volumeName}"`);
    await placeVolume(context, volumeId, (path) => context.volumeImages.make({ path, name: volumeName, sizeBytes }));
  });
  const made = { id: volumeId, name: volumeName, sizeBytes, isSnapshot: false, sharedBytes: 0, isHostWritten: true };
  return enter(context, made, answering);
}

/** What is on it now, as a volume of its own. Of one that is in use: everything that the guest has written up to here. */
export async function cloneVolume(
  context: HostContext,
  command: Command<"cloneVolume">,
  answering: Answering,
): Promise<HostVolume> {
  const { volumeId, volumeName, isSnapshot } = command;
  requireNew(context, volumeId);
  const source = context.volumes.require(command.from);
  await flushInGuest(context, source.id);
  const sharedBytes = await context.allocating(() =>
    copyVolume(context, {
      from: volumeFile(context.layout, source.id),
      volumeId,
      name: volumeName,
      sizeBytes: source.sizeBytes,
    }),
  );
  const { sizeBytes, isHostWritten = false } = source;
  const made = { id: volumeId, name: volumeName, sizeBytes, isSnapshot, sharedBytes, isHostWritten };
  return enter(context, made, answering);
}

/** The file first, then the journal, then the guest that has it: it can be repeated from anywhere. */
export async function growVolume(
  context: HostContext,
  command: Command<"growVolume">,
  answering: Answering,
): Promise<HostVolume> {
  const { volumeId, sizeBytes } = command;
  const before = context.volumes.require(volumeId);
  if (before.isSnapshot)
    throw new Refusal("volume.read_only", `volume "${before.name}" is a snapshot and stays as it is; clone it`);
  if (sizeBytes < before.sizeBytes) {
    const text = `size_mb: volume "${before.name}" has ${before.sizeBytes / 1_048_576} MiB, and volumes only grow`;
    throw new Refusal("validation.failed", text, { details: { field: "size_mb" } });
  }
  const record = { ...before, sizeBytes };
  if (sizeBytes > before.sizeBytes) {
    await context.allocating(async () => {
      await requireVolumeRoom(context, sizeBytes - before.sizeBytes, `growing volume "${before.name}"`);
      const path = volumeFile(context.layout, volumeId);
      await withRoomRefused(() => context.volumeImages.grow({ path, sizeBytes }));
      crashPoint("host.volume.file-grown");
    });
    context.commit([{ putVolume: { id: volumeId, record } }]);
    crashPoint("host.volume.grown");
    context.volumes.records.set(volumeId, record);
  }
  await growWhereAttached(context, record);
  return answering([], shown(record));
}

async function growWhereAttached(context: HostContext, volume: VolumeRecord): Promise<void> {
  const holder = context.volumes.writer(volume.id);
  const entry = holder && context.entries.get(holder.sandboxId);
  if (!entry) return;
  await context.inTurn(entry.record.id, async () => {
    const attached = entry.record.volumes?.find((one) => one.volumeId === volume.id);
    // One that sleeps or is paused takes notice when it wakes.
    if (entry.state !== "running" || !attached || attached.sizeBytes >= volume.sizeBytes) return;
    const grown = { ...attached, sizeBytes: volume.sizeBytes };
    await entry.machine.announceVolume(attached.drive);
    crashPoint("host.volume.announced");
    const { runtime } = context.runtimes.require(entry.record.runtime);
    await growInGuest(await entry.guest(), grown, deviceOf(runtime));
    const volumes = entry.record.volumes?.map((one) => (one === attached ? grown : one));
    const record = { ...entry.record, volumes: volumes ?? [] };
    context.commit([{ putSandbox: { id: record.id, record } }]);
    entry.record = record;
  });
}

export async function deleteVolume(
  context: HostContext,
  volumeId: string,
  answering: Answering,
): Promise<Record<string, never>> {
  context.volumes.require(volumeId);
  await context.volumes.left([{ volumeId }]);
  context.volumes.requireDetached(volumeId);
  const result = answering([{ removeVolume: volumeId }], {});
  crashPoint("host.volume.forgotten");
  context.volumes.records.delete(volumeId);
  await context.volumeImages.remove(volumeFile(context.layout, volumeId));
  return result;
}

function requireNew(context: HostContext, volumeId: string): void {
  if (context.volumes.records.has(volumeId))
    throw new Refusal("volume.already_exists", `volume ${volumeId} exists already`);
}

function enter(context: HostContext, given: Omit<VolumeRecord, "createdAt">, answering: Answering): HostVolume {
  const record: VolumeRecord = { ...given, createdAt: new Date().toISOString() };
  let result: HostVolume;
  try {
    result = answering([{ putVolume: { id: record.id, record } }], shown(record));
  } catch (error) {
    rmSync(volumeFile(context.layout, record.id), { force: true });
    throw error;
  }
  crashPoint("host.volume.committed");
  context.volumes.records.set(record.id, record);
  return result;
}

export function shown({ sharedBytes: _shared, isHostWritten: _written, ...volume }: VolumeRecord): HostVolume {
  return volume;
}

/** Volumes whose file is gone: an operator has to hear of it. */
export function checkVolumeFiles(context: HostContext): void {
  for (const record of context.volumes.records.values()) {
    if (!existsSync(volumeFile(context.layout, record.id)))
      context.log.error({ volume: record.id, name: record.name }, "the file of a volume is not there");
  }
}
