import { type Stats, lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** What there is below a folder of a server that runs, of one kind: machines come and go while it is looked through. */
export function pathsBelow(folder: string, isWanted: (stats: Stats) => boolean): string[] {
  return namesIn(folder).flatMap((name) => {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return [];
    const isFolder = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    return [...(isWanted(stats) ? [path] : []), ...(isFolder ? pathsBelow(path, isWanted) : [])];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
