import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RuntimeName, SandboxVolume } from "@pandastack/contracts/host";
import { Refusal, writeFileAtomic } from "@pandastack/platform";
import type { Runtime } from "../runtimes/runtime.ts";

/** What an image's memory depends on, and what it was made of. `image.json` in the image's folder, written last: without it there is no image. */
export const ImageManifest = z.object({
  format: z.literal(1),
  runtime: RuntimeName,
  /** The build that took it: see `Runtime.canLoad`. */
  buildKey: z.string(),
  /** Instruction sets that its programs may have found; absent where `buildKey` covers them. */
  cpuFeatures: z.array(z.string()).optional(),
  /** Paths in the cache of what it is restored with, see `MachineRecord.needs`. */
  needs: z.array(z.string()).optional(),
  template: z.string(),
  templateKey: z.string(),
  /** Of a template whose root file system was made here. */
  rootKey: z.string().optional(),
  cpus: z.int(),
  memoryMb: z.int(),
  diskMb: z.int(),
  mac: z.string(),
  protocol: z.int(),
  createdAt: z.iso.datetime(),
  /** Volumes that were attached; `volume<drive>` beside it is what was on them. */
  volumes: z.array(SandboxVolume.extend({ drive: z.int(), sizeBytes: z.int(), copyBytes: z.int() })).optional(),
});
export type ImageManifest = z.infer<typeof ImageManifest>;

export function writeManifest(imageDir: string, manifest: ImageManifest): void {
  writeFileAtomic(join(imageDir, "image.json"), JSON.stringify(manifest, null, 2));
}

/** Undefined when the folder holds no finished image. */
export function readManifest(imageDir: string): ImageManifest | undefined {
  let text: string;
  try {
    text = readFileSync(join(imageDir, "image.json"), "utf8");
  } catch {
    return undefined;
  }
  return ImageManifest.parse(JSON.parse(text));
}

/** What is asked of a runtime about an image. */
export type ImageLoader = Pick<Runtime, "name" | "buildKey" | "cpuFeatures" | "canLoad">;

/** `migration.send-configuration=off` hides mismatches from QEMU, so this check is the one that there is. */
export function requireLoadable(manifest: ImageManifest, runtime: ImageLoader): void {
  const refusal = whyNotLoadable(manifest, runtime);
  if (refusal !== undefined) throw new Refusal("snapshot.incompatible", refusal);
}

export const isLoadable = (manifest: ImageManifest, runtime: ImageLoader): boolean =>
  whyNotLoadable(manifest, runtime) === undefined;

/** Undefined: the runtime can load it here. */
export function whyNotLoadable(manifest: ImageManifest, runtime: ImageLoader): string | undefined {
  if (manifest.runtime !== runtime.name)
    return `this snapshot belongs to the runtime "${manifest.runtime}" and cannot be restored by "${runtime.name}"`;
  if (manifest.buildKey !== runtime.buildKey && runtime.canLoad?.(manifest.buildKey) !== true)
    return `this snapshot's memory was made by another build of "${runtime.name}"${
      runtime.cpuFeatures ? ", which is not on this host" : ", or on another CPU,"
    } and cannot be restored here`;
  const missing = manifest.needs?.find((path) => !existsSync(path));
  if (missing !== undefined)
    return `this snapshot is restored with ${missing}, which is not there any more, so it cannot be restored here`;
  const here = new Set(runtime.cpuFeatures ?? manifest.cpuFeatures);
  const lacking = (manifest.cpuFeatures ?? []).filter((feature) => !here.has(feature));
  if (lacking.length === 0) return undefined;
  return `this snapshot's programs may use ${lacking.join(", ")}, which this host's processor does not have, so it cannot be restored here`;
}
