import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { OPEN_NETWORK, type HostCommand, type HostSandbox } from "@pandastack/contracts/host";
import { Refusal, crashPoint, markStep } from "@pandastack/platform";
import { sandboxDir, snapshotDir } from "../../files/layout.ts";
import { isLoadable, readManifest, type ImageManifest } from "../../images/manifest.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import type { Answering } from "../commit.ts";
import { requireSnapshot, type HostContext } from "../context.ts";
import { SandboxEntry } from "../entry.ts";
import { toHostSandbox, type SandboxRecord } from "../record.ts";
import { planRestore, startCold, startFromImage, undoStart, type Started } from "../start.ts";
import { keepDisk } from "../disk.ts";
import { requireBootable, withDiskOf } from "../waking.ts";
import { attachNew, type Attachments } from "../volumes/attach.ts";
import { flushInGuest } from "../volumes/flush.ts";
import { handVolumesTo, isForeign } from "../volumes/hand-over.ts";
import { requireRoomBeside } from "../volumes/room.ts";

type Create = Extract<HostCommand, { name: "createSandbox" }>;

export async function createSandbox(context: HostContext, command: Create, answering: Answering): Promise<HostSandbox> {
  const { volumes = [] } = command;
  if (volumes.length === 0) return create(context, command, answering);
  await context.volumes.left(volumes);
  const release = context.volumes.claim(command.sandboxId, volumes);
  try {
    await requireRoomBeside(context, volumes);
    for (const { volumeId, readOnly } of volumes) {
      if (!readOnly) continue;
      // Where it cannot be asked, the copy is of what has reached the file by itself.
      await flushInGuest(context, volumeId).catch((error: unknown) =>
        context.log.warn({ err: error, volumeId }, "a volume's writer could not be asked to write all of it down"),
      );
    }
    return await create(context, command, answering);
  } finally {
    release();
  }
}

async function create(context: HostContext, command: Create, answering: Answering): Promise<HostSandbox> {
  const began = performance.now();
  if (context.entries.has(command.sandboxId))
    throw new Refusal("sandbox.conflict", `sandbox ${command.sandboxId} exists already`);
  const image = await imageFor(context, command);
  const attachments = attachNew(context, {
    asked: command.volumes ?? [],
    inherited: image.manifest.volumes ?? [],
    imageDir: image.dir,
    isCold: image.coldWhy !== null,
    runtime: image.runtime,
  });
  using _room = await context.admission.reserve({ machines: { count: 1, memoryMb: image.manifest.memoryMb } });
  markStep("admission");
  const { runtime } = image;
  handVolumesTo(context, runtime, command.volumes ?? []);
  const { slots } = context;
  const network = command.network ?? OPEN_NETWORK;
  const started = await start(context, command, image, attachments);
  crashPoint("host.create.started");
  const record: SandboxRecord = {
    ...describe(image.manifest),
    id: command.sandboxId,
    state: "running",
    runtime: runtime.name,
    isolation: runtime.isolation,
    fromSnapshot: image.snapshotId,
    persistent: command.persistent,
    network,
    env: command.env,
    bootMode: image.coldWhy === null ? "snapshot" : "cold",
    bootMs: Math.round((performance.now() - began) * 10) / 10,
    reason: null,
    createdAt: new Date().toISOString(),
    ...(attachments.attached.length === 0 ? {} : { volumes: attachments.attached }),
    machine: started.machine.record,
  };
  const entry = new SandboxEntry(record, started);
  const payload = {
    boot_ms: record.bootMs,
    boot_mode: record.bootMode,
    ...(image.snapshotId ? { from_snapshot: image.snapshotId } : {}),
    ...(image.coldWhy === null ? {} : { reason: image.coldWhy }),
  };
  let result: HostSandbox;
  try {
    keepDisk(context.layout, record, started.machine);
    crashPoint("host.create.disk-kept");
    result = answering(
      [{ putSandbox: { id: record.id, record }, event: { sandboxId: record.id, type: "sandbox.running", payload } }],
      toHostSandbox(record),
    );
  } catch (error) {
    await undoStart(slots, started);
    rmSync(sandboxDir(context.layout, record.id), { recursive: true, force: true });
    throw error;
  }
  crashPoint("host.create.committed");
  markStep("journal");
  context.entries.set(record.id, entry);
  context.watch(entry, started.machine);
  return result;
}

async function start(
  context: HostContext,
  command: Create,
  image: SourceImage,
  attachments: Attachments,
): Promise<Started> {
  const { runtime } = image;
  const { slots } = context;
  const { sandboxId, env, persistent: durable, network = OPEN_NETWORK } = command;
  const common = { runtime, slots, sandboxId, env, network, attachments };
  const size = image.manifest;
  if (image.coldWhy !== null)
    return withDiskOf(context, runtime, image.dir, (rootDisk) => startCold({ ...common, rootDisk, size, durable }));
  const ready = await planRestore(context, { runtime: runtime.name, imageDir: image.dir, size, durable });
  markStep("slot");
  return startFromImage({ ...common, ready });
}

export function describe(
  manifest: ImageManifest,
): Pick<SandboxRecord, "template" | "templateKey" | "mac" | "cpus" | "memoryMb" | "diskMb"> {
  const { template, templateKey, mac, cpus, memoryMb, diskMb } = manifest;
  return { template, templateKey, mac, cpus, memoryMb, diskMb };
}

interface SourceImage {
  readonly dir: string;
  readonly manifest: ImageManifest;
  readonly runtime: Runtime;
  readonly snapshotId: string | null;
  /** Why its memory cannot be restored, so that its disk is booted; null where it can. */
  readonly coldWhy: string | null;
}

/** A template has a variant for each runtime; a snapshot is of one. */
async function imageFor(context: HostContext, command: Create): Promise<SourceImage> {
  const { runtimes, templates } = context;
  if ("template" in command.from) {
    const entry = runtimes.choose(command.runtime, {
      disk: command.persistent,
      volumes: (command.volumes ?? []).length > 0,
      foreignVolumes: (command.volumes ?? []).some((volume) => isForeign(context, volume)),
    });
    const { dir, manifest } = await templates.image(command.from, entry);
    return { dir, manifest, runtime: entry.runtime, snapshotId: null, coldWhy: null };
  }
  const { id } = requireSnapshot(context, command.from.snapshotId);
  const dir = snapshotDir(context.layout, id);
  const manifest = readManifest(dir);
  if (!manifest) throw new Refusal("snapshot.not_found", `there is no snapshot ${id}`);
  runtimes.requireSame(command.runtime, manifest.runtime);
  const { runtime } = runtimes.require(manifest.runtime);
  if ((command.volumes ?? []).length > 0 && runtime.isDiskless === true && !existsSync(join(dir, runtime.imageDisk)))
    throw new Refusal(
      "runtime.unavailable",
      "the sandbox that this snapshot was taken of has its files in memory, and so has its copies: they cannot have volumes",
    );
  const coldWhy = isLoadable(manifest, runtime) ? null : requireBootable(runtime, dir, manifest);
  return { dir, manifest, runtime, snapshotId: id, coldWhy };
}
