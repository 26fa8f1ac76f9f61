import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type SandboxVolume, VOLUMES_PER_SANDBOX } from "@pandastack/contracts/host";
import { Refusal, crashPoint, writeFileAtomic } from "@pandastack/platform";
import { volumeFile } from "../../files/layout.ts";
import type { GuestClient } from "../../guest/client.ts";
import { volumeFileName, type Runtime, type VolumePlan } from "../../runtimes/runtime.ts";
import type { HostContext } from "../context.ts";
import { keptCopy } from "../disk.ts";
import type { SandboxRecord } from "../record.ts";
import { devicePath, type AttachedVolume } from "./registry.ts";

/** What a machine about to start gets, and what its sandbox's record will say of it. */
export interface Attachments {
  readonly attached: readonly AttachedVolume[];
  readonly plans: readonly VolumePlan[];
  /** In the guest, once it answers. */
  readonly settle: (guest: GuestClient) => Promise<void>;
}

/** What the guest is told that a drive's volume is. */
export type DeviceOf = (drive: number) => string;
export const deviceOf = (runtime: Pick<Runtime, "volumeDevice">): DeviceOf =>
  runtime.volumeDevice === undefined ? devicePath : (drive) => runtime.volumeDevice!(drive);

export const NO_ATTACHMENTS: Attachments = { attached: [], plans: [], settle: async () => {} };

/**
 * Volumes for a new sandbox: those asked for, in the drives that are free, after those that the image's memory has mounted
 * already. Of the latter it gets what was on them then, for reading: the volumes themselves have gone on since.
 * `isCold`: only the image's disk is used, and nothing is mounted yet.
 */
export function attachNew(
  context: HostContext,
  options: {
    asked: readonly SandboxVolume[];
    inherited: readonly AttachedVolume[];
    imageDir: string;
    isCold: boolean;
    runtime: Runtime;
  },
): Attachments {
  const { asked, inherited, imageDir, isCold, runtime } = options;
  if (asked.length === 0 && inherited.length === 0) return NO_ATTACHMENTS;
  requireDistinct([...inherited, ...asked]);
  const taken = new Set(inherited.map((volume) => volume.drive));
  const free = Array.from({ length: VOLUMES_PER_SANDBOX }, (_, drive) => drive).filter((drive) => !taken.has(drive));
  if (asked.length > free.length) {
    const beside = inherited.length > 0 ? `, and the snapshot has ${inherited.length} already` : "";
    throw invalid(`volumes: a sandbox has at most ${VOLUMES_PER_SANDBOX}${beside}`);
  }
  const fresh = asked.map((volume, index): AttachedVolume => {
    const { sizeBytes } = context.volumes.require(volume.volumeId);
    return { ...volume, drive: free[index]!, sizeBytes, copyBytes: volume.readOnly ? sizeBytes : 0 };
  });
  const toRead = inherited.map((volume) => ({ ...volume, readOnly: true, copyBytes: 0 }));
  const device = deviceOf(runtime);
  return {
    attached: [...toRead, ...fresh],
    plans: [
      ...inherited.map((volume) => copyFromImage(volume, imageDir)),
      ...fresh.map(({ drive, volumeId, readOnly }): VolumePlan => {
        const file = volumeFile(context.layout, volumeId);
        return { drive, source: readOnly ? { copyOf: file } : { link: file } };
      }),
    ],
    settle: async (guest) => {
      if (isCold) await Promise.all(toRead.map((volume) => mount(guest, volume, device)));
      else {
        const written = inherited.filter((one) => !one.readOnly);
        await Promise.all(written.map((volume) => makeReadOnly(guest, volume, device)));
      }
      await Promise.all(fresh.map((volume) => mount(guest, volume, device)));
    },
  };
}

/** A woken sandbox has its volumes mounted in memory, and they are as its memory believes. */
export function attachWoken(context: HostContext, record: SandboxRecord, imageDir: string): Attachments {
  const { volumes = [] } = record;
  if (volumes.length === 0) return NO_ATTACHMENTS;
  const current = volumes.map((volume): AttachedVolume => {
    const sizeBytes = context.volumes.records.get(volume.volumeId)?.sizeBytes ?? volume.sizeBytes;
    return volume.readOnly ? volume : { ...volume, sizeBytes };
  });
  const device = deviceOf(context.runtimes.require(record.runtime).runtime);
  const grown = current.filter((volume, index) => volume.sizeBytes > volumes[index]!.sizeBytes);
  return {
    attached: current,
    plans: volumes.map((volume) =>
      volume.readOnly
        ? copyFromImage(volume, imageDir)
        : { drive: volume.drive, source: { link: volumeFile(context.layout, volume.volumeId) } },
    ),
    settle: async (guest) => {
      await Promise.all(grown.map((volume) => growInGuest(guest, volume, device)));
    },
  };
}

/**
 * A sandbox that starts from its disk has nothing mounted. Volumes that it writes to are as they are now; of those that it reads
 * it has its own copies, in the image that its disk is from, or kept beside its disk.
 */
export function attachCold(context: HostContext, record: SandboxRecord, imageDir: string | undefined): Attachments {
  const { volumes = [], id } = record;
  if (volumes.length === 0) return NO_ATTACHMENTS;
  const device = deviceOf(context.runtimes.require(record.runtime).runtime);
  const attached = volumes.map((volume): AttachedVolume => {
    if (volume.readOnly) return volume;
    return { ...volume, sizeBytes: context.volumes.require(volume.volumeId).sizeBytes };
  });
  return {
    attached,
    plans: attached.map((volume): VolumePlan => {
      const { drive, readOnly, volumeId } = volume;
      if (!readOnly) return { drive, source: { link: volumeFile(context.layout, volumeId) } };
      return imageDir === undefined
        ? { drive, source: { copyOf: keptCopy(context.layout, id, drive) } }
        : copyFromImage(volume, imageDir);
    }),
    settle: async (guest) => {
      await Promise.all(attached.map((volume) => mount(guest, volume, device)));
    },
  };
}

/** In a sleeping sandbox's image: a machine was started from it, so its volumes may have been written to since. */
const TOUCHED = "volumes-touched";

/**
 * A wake that was cut short after its guest ran has left volumes of another instant than the memory that the next wake starts
 * from: they are put back to what they were. Before every wake of a sandbox that has volumes to write to.
 */
export async function beginTouching(context: HostContext, record: SandboxRecord, imageDir: string): Promise<void> {
  const writable = (record.volumes ?? []).filter((volume) => !volume.readOnly);
  if (writable.length === 0) return;
  const mark = join(imageDir, TOUCHED);
  if (existsSync(mark)) {
    for (const { drive, volumeId } of writable) {
      const { sizeBytes } = context.volumes.require(volumeId);
      const to = volumeFile(context.layout, volumeId);
      await context.volumeImages.copy({ from: join(imageDir, volumeFileName(drive)), to, sizeBytes });
    }
    rmSync(mark);
  }
  writeFileAtomic(mark, "");
  crashPoint("host.volume.touching");
}

export const copyFromImage = (volume: AttachedVolume, imageDir: string): VolumePlan => ({
  drive: volume.drive,
  source: { copyOf: join(imageDir, volumeFileName(volume.drive)) },
});

export async function makeReadOnly(guest: GuestClient, volume: AttachedVolume, device: DeviceOf): Promise<void> {
  await guest
    .makeVolumeReadOnly({ device: device(volume.drive), path: volume.path })
    .catch((error: unknown) => refuseMount(volume, "made read-only", error));
}

export async function growInGuest(guest: GuestClient, volume: AttachedVolume, device: DeviceOf): Promise<void> {
  const { drive, path, sizeBytes } = volume;
  await guest
    .growVolume({ device: device(drive), path, size_bytes: sizeBytes })
    .catch((error: unknown) => refuseMount(volume, "grown inside; it grows when it is attached next", error));
}

async function mount(guest: GuestClient, volume: AttachedVolume, device: DeviceOf): Promise<void> {
  const { drive, path, readOnly, sizeBytes } = volume;
  await guest
    .mountVolume({ device: device(drive), path, read_only: readOnly, size_bytes: sizeBytes })
    .catch((error: unknown) => refuseMount(volume, "mounted", error));
}

/** Only what the guest said: a guest that is gone is another matter. */
function refuseMount(volume: AttachedVolume, what: string, error: unknown): never {
  if (!(error instanceof Refusal) || error.code.startsWith("sandbox.")) throw error;
  throw new Refusal(
    "volume.mount_failed",
    `volume "${volume.name}" at ${volume.path} could not be ${what}: ${error.message}`,
  );
}

function requireDistinct(volumes: readonly SandboxVolume[]): void {
  const [paths, ids] = [new Set<string>(), new Set<string>()];
  for (const { path, name, volumeId } of volumes) {
    if (paths.has(path)) throw invalid(`volumes: two would be at ${path}`);
    if (ids.has(volumeId)) throw invalid(`volumes: "${name}" is there twice`);
    paths.add(path);
    ids.add(volumeId);
  }
}

const invalid = (text: string): Refusal => new Refusal("validation.failed", text, { details: { field: "volumes" } });
