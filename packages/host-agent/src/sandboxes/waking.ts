import { constants, existsSync, mkdirSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault, Refusal, newHexId } from "@pandastack/platform";
import { hibernationDir, sandboxDisk, scratchDir } from "../files/layout.ts";
import { isLoadable, readManifest, requireLoadable, type ImageManifest } from "../images/manifest.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { HostContext } from "./context.ts";
import type { SandboxRecord } from "./record.ts";

/** What a sandbox without a machine can be started from. */
export type WakeSource =
  /** Its memory, and the disk of the same instant. */
  | { readonly kind: "memory"; readonly imageDir: string; readonly manifest: ImageManifest }
  /** The disk of an image whose memory this host cannot restore any more. */
  | { readonly kind: "image-disk"; readonly imageDir: string; readonly why: string }
  /** Its own disk: its memory is lost. */
  | { readonly kind: "disk"; readonly disk: string };

export function wakeSource(context: HostContext, record: SandboxRecord): WakeSource {
  const imageDir = hibernationDir(context.layout, record.id);
  const manifest = record.state === "hibernated" ? readManifest(imageDir) : undefined;
  if (manifest) {
    const { runtime } = context.runtimes.require(manifest.runtime);
    if (isLoadable(manifest, runtime)) return { kind: "memory", imageDir, manifest };
    return { kind: "image-disk", imageDir, why: requireBootable(runtime, imageDir, manifest) };
  }
  const disk = sandboxDisk(context.layout, record.id);
  if (existsSync(disk)) return { kind: "disk", disk };
  if (record.state === "failed")
    throw new Refusal(
      "sandbox.invalid_state",
      `cannot wake sandbox ${record.id}: it has failed (${record.reason ?? "no reason was kept"}), and its disk is not there any more`,
    );
  throw new Fault("sandbox.wake_failed", `neither memory nor disk of sandbox ${record.id} is on this host`);
}

/** Whether what a copy is made of is there: a machine, or an image that can be restored. One that sleeps without memory has to start first. */
export const canCopyMemory = (context: HostContext, record: SandboxRecord): boolean =>
  record.state !== "hibernated" || wakeSource(context, record).kind === "memory";

/** Why its memory cannot be restored, for one whose disk can be booted all the same; else the refusal. */
export function requireBootable(runtime: Runtime, imageDir: string, manifest: ImageManifest): string {
  const { name, imageDisk } = runtime;
  if (manifest.runtime === name && existsSync(join(imageDir, imageDisk)))
    return "its memory was made by another build of the virtual machine monitor, or on another CPU";
  requireLoadable(manifest, runtime);
  throw new Fault("sandbox.wake_failed", `the image at ${imageDir} has no disk`);
}

/** A copy of an image's disk to boot, for as long as `work` takes. The image stays as it is. */
export async function withDiskOf<T>(
  context: HostContext,
  runtime: Runtime,
  imageDir: string,
  work: (rootDisk: string) => Promise<T>,
): Promise<T> {
  const scratch = scratchDir(context.layout, `disk-${newHexId(6)}`);
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  try {
    const rootDisk = join(scratch, runtime.imageDisk);
    await copyFile(join(imageDir, runtime.imageDisk), rootDisk, constants.COPYFILE_FICLONE);
    return await work(rootDisk);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
