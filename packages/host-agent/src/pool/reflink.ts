import { constants, copyFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A copy that shares every block with the original until one of them is written. Fails where it would have to copy bytes. */
export async function reflinkFile(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
}

/** Whether files in this folder can be reflinked, by trying. */
export async function supportsReflink(folder: string): Promise<boolean> {
  const from = join(folder, `.reflink-probe-${process.pid}`);
  const to = `${from}-copy`;
  try {
    // A whole block: some file systems share nothing smaller.
    await writeFile(from, Buffer.alloc(64 * 1024, 1));
    await reflinkFile(from, to);
    return true;
  } catch {
    return false;
  } finally {
    await rm(from, { force: true });
    await rm(to, { force: true });
  }
}
