import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RuntimeName, SandboxVolume } from "@pandastack/contracts/host";
import { Refusal, writeFileAtomic } from "@pandastack/platform";

/** What an image's memory depends on, and what it was made of. `image.json` in the image's folder, written last: without it there is no image. */
export const ImageManifest = z.object({
  format: z.literal(1),
  runtime: RuntimeName,
  /** The runtime's build key at the time: another one cannot load this memory. */
  buildKey: z.string(),
  template: z.string(),
  templateKey: z.string(),
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

/** `migration.send-configuration=off` hides mismatches from QEMU, so this check is the one that there is. */
export const isLoadable = (manifest: ImageManifest, runtime: { name: string; buildKey: string }): boolean =>
  manifest.runtime === runtime.name && manifest.buildKey === runtime.buildKey;

export function requireLoadable(manifest: ImageManifest, runtime: { name: string; buildKey: string }): void {
  if (isLoadable(manifest, runtime)) return;
  throw new Refusal(
    "snapshot.incompatible",
    manifest.runtime === runtime.name
      ? "this snapshot's memory was made by another build of the virtual machine monitor, or on another CPU, and cannot be restored here"
      : `this snapshot belongs to the runtime "${manifest.runtime}" and cannot be restored by "${runtime.name}"`,
  );
}
