import { constants, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { copyFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { HostSnapshot } from "@pandastack/contracts/host";
import { Refusal, newHexId, crashPoint } from "@pandastack/platform";
import { hibernationDir, scratchDir, snapshotDir } from "../../files/layout.ts";
import { FOR_ITS_WAKE } from "../../runtimes/runtime.ts";
import { asStep, type Answering } from "../commit.ts";
import { requireEntry, type HostContext, type SnapshotRecord } from "../context.ts";
import { mayRun } from "../rules.ts";
import { takeImage } from "../take-image.ts";
import { requireVolumeRoom } from "../volumes/room.ts";
import { canCopyMemory } from "../waking.ts";
import { wakeSandbox } from "./wake.ts";

const BLOCK_BYTES = 512;

export async function createSnapshot(
  context: HostContext,
  command: { sandboxId: string; snapshotId: string },
  answering: Answering,
): Promise<HostSnapshot> {
  const entry = requireEntry(context, command.sandboxId);
  mayRun("snapshot", entry.record);
  if (context.snapshots.has(command.snapshotId))
    throw new Refusal("sandbox.conflict", `snapshot ${command.snapshotId} exists already`);
  if (!canCopyMemory(context, entry.record)) await wakeSandbox(context, entry.record.id, asStep(context.commit));
  const volumeBytes = (entry.record.volumes ?? []).reduce(
    (sum, volume) => sum + (volume.readOnly ? 0 : volume.sizeBytes),
    0,
  );
  if (volumeBytes > 0) await requireVolumeRoom(context, volumeBytes, "a snapshot with its volumes");
  const imageBytes = entry.state === "hibernated" ? 0 : entry.machine.imageBytes();
  using _room = await context.admission.reserve({ imageBytes });
  const target = snapshotDir(context.layout, command.snapshotId);
  // A hibernated sandbox's image is shared whole.
  let [pausedMs, dirtyBytes] = [0, 0];
  if (entry.state === "hibernated") await copyImage(context, hibernationDir(context.layout, entry.record.id), target);
  else ({ pausedMs, dirtyBytes } = await takeImage(context, entry, { target, resume: true, durable: true }));
  crashPoint("host.snapshot.taken");
  const { template, runtime, isolation, fromSnapshot, cpus, memoryMb } = entry.record;
  const record: SnapshotRecord = {
    id: command.snapshotId,
    sandboxId: command.sandboxId,
    template,
    runtime,
    isolation,
    sizeBytes: await allocatedBytes(target),
    uniqueBytes: dirtyBytes,
    parentSnapshotId: fromSnapshot,
    cpus,
    memoryMb,
    createdAt: new Date().toISOString(),
    volumeBytes,
  };
  const { isolation: _isolation, volumeBytes: _bytes, ...shown } = record;
  const payload = { snapshot_id: record.id, paused_ms: pausedMs, size_bytes: record.sizeBytes };
  const event = { sandboxId: command.sandboxId, type: "sandbox.snapshotted", payload };
  let result: HostSnapshot;
  try {
    result = answering([{ putSnapshot: { id: record.id, record }, event }], shown);
  } catch (error) {
    // The journal could not take it: full disk. It is no one's.
    rmSync(target, { recursive: true, force: true });
    throw error;
  }
  crashPoint("host.snapshot.committed");
  context.snapshots.set(record.id, record);
  return result;
}

/** A hibernated sandbox's image, by reflink: no block is copied. */
export async function copyImage(context: HostContext, from: string, to: string): Promise<void> {
  const scratch = scratchDir(context.layout, `image-${newHexId(6)}`);
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  try {
    for (const name of readdirSync(from).filter((each) => each !== FOR_ITS_WAKE))
      await copyFile(join(from, name), join(scratch, name), constants.COPYFILE_FICLONE);
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    renameSync(scratch, to);
    crashPoint("host.image.copied");
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function allocatedBytes(dir: string): Promise<number> {
  const sizes = await Promise.all(
    readdirSync(dir).map(async (name) => (await stat(join(dir, name))).blocks * BLOCK_BYTES),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
