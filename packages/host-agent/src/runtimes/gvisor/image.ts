import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "@pandastack/platform";

/**
 * What an image's checkpoint needs to be restored, beside runsc's own files in the same folder. It is written first, so that
 * containers for copies can be created while memory is still being written.
 */
export const GvisorImage = z.object({
  layout: z.string(),
  /** The build that wrote the checkpoint, and the only one that reads it. */
  runscKey: z.string(),
  /** The root file system's file; its name says what is in it. Absent: the disk in this image is the root. */
  erofs: z.string().optional(),
  /** What the agent in this memory asks a host for. Each copy gets another as soon as it runs. */
  token: z.string(),
});
export type GvisorImage = z.infer<typeof GvisorImage>;

const FILE = "gvisor.json";
/** Written last of a checkpoint's files. */
export const PAGES_FILE = "pages.img";
export const CHECKPOINT_FILES = ["checkpoint.img", "pages_meta.img", PAGES_FILE] as const;

export function writeImage(imageDir: string, image: GvisorImage): void {
  writeFileAtomic(join(imageDir, FILE), JSON.stringify(image));
}

export function readImage(imageDir: string): GvisorImage {
  return GvisorImage.parse(JSON.parse(readFileSync(join(imageDir, FILE), "utf8")));
}
