import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { crashPoint, fsyncFolder, newHexId } from "@pandastack/platform";
import { scratchDir, volumeFile, volumesDir } from "../../files/layout.ts";
import { asRefusalWhenFull } from "../admission/index.ts";
import type { HostContext } from "../context.ts";
import { requireVolumeRoom } from "./room.ts";

/** A new volume's file as a copy of another file of a volume. Answers how much they share. */
export async function copyVolume(
  context: HostContext,
  copy: { from: string; volumeId: string; name: string; sizeBytes: number },
): Promise<number> {
  await requireVolumeRoom(context, copy.sizeBytes, `volume "${copy.name}"`);
  return placeVolume(context, copy.volumeId, (path) =>
    context.volumeImages.copy({ from: copy.from, to: path, sizeBytes: copy.sizeBytes }),
  );
}

/** The file is whole when it has its name. */
export async function placeVolume<T>(
  context: HostContext,
  volumeId: string,
  make: (path: string) => Promise<T>,
): Promise<T> {
  const scratch = scratchDir(context.layout, `volume-${newHexId(6)}`);
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  mkdirSync(volumesDir(context.layout), { recursive: true, mode: 0o700 });
  try {
    const path = join(scratch, "image");
    const made = await withRoomRefused(() => make(path));
    renameSync(path, volumeFile(context.layout, volumeId));
    fsyncFolder(volumesDir(context.layout));
    crashPoint("host.volume.placed");
    return made;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Something else may have taken the room since it was looked for. */
export const withRoomRefused = <T>(work: () => Promise<T>): Promise<T> =>
  work().catch((error: unknown) => {
    throw asRefusalWhenFull(error);
  });
