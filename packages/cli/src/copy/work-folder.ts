import { statSync } from "node:fs";
import { posix, relative, resolve } from "node:path";
import { UsageError } from "../failure.ts";

/** Where `run` runs, and where files lie as they do here. */
export const WORK_FOLDER = "/root/work";

/** Words that name a file below the present folder: what a command line works on. */
export function filesNamedIn(words: string[], folder: string = process.cwd()): string[] {
  return [...new Set(words)].filter((word) => {
    if (word === "" || word.startsWith("/") || isOutside(word, folder)) return false;
    return statSync(resolve(folder, word), { throwIfNoEntry: false })?.isFile() === true;
  });
}

/** Where a path below the present folder goes. */
export function placeFor(path: string, folder: string = process.cwd()): { from: string; to: string } {
  if (isOutside(path, folder)) throw new UsageError(`${path} is not below the present folder`);
  const inside = relative(folder, resolve(folder, path)).split(/[\\/]/);
  return { from: resolve(folder, path), to: posix.join(WORK_FOLDER, ...inside) };
}

function isOutside(path: string, folder: string): boolean {
  return /^\.\.([\\/]|$)/.test(relative(folder, resolve(folder, path)));
}
