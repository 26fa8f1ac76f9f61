import { existsSync, linkSync, readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { FOR_ITS_WAKE } from "../runtime.ts";
import { MEMORY } from "./machine-files.ts";
import { bytesOf, type PageRun } from "./memory-pages.ts";

/**
 * Up to here a woken machine gets its pages written into a VMM that has the template's memory mapped already, a few milliseconds
 * for each ten MiB; what is more costs more than a VMM of its own does.
 */
const LIMIT_BYTES = 64 * 1_048_576;

const Changes = z.object({
  /** The memory file that all other pages are as in. */
  base: z.string(),
  runs: z.array(z.tuple([z.int().min(0), z.int().min(1)]).readonly()).readonly(),
});
export type Changes = z.infer<typeof Changes>;

/**
 * Notes which pages of an image differ from a memory file that others have mapped, too: from the one that its machine has mapped,
 * or, where that was an image with such a note, from that one's. Answers the note's path, if it made one.
 */
export async function noteChanges(
  imageDir: string,
  machineDir: string,
  dirty: readonly PageRun[],
): Promise<string | undefined> {
  const former = readChanges(machineDir);
  const runs = former === undefined ? dirty : merged([...former.runs, ...dirty]);
  if (bytesOf(runs) > LIMIT_BYTES) return undefined;
  const path = join(imageDir, FOR_ITS_WAKE);
  const base = former?.base ?? identityOf(join(machineDir, MEMORY));
  await writeFile(path, JSON.stringify({ base, runs } satisfies Changes), { mode: 0o400 });
  return path;
}

/** For a machine that has mapped its image's own memory. */
export function keepChanges(imageDir: string, machineDir: string): void {
  const path = join(imageDir, FOR_ITS_WAKE);
  if (existsSync(path)) linkSync(path, join(machineDir, FOR_ITS_WAKE));
}

function merged(runs: readonly PageRun[]): PageRun[] {
  const all: [number, number][] = [];
  for (const [first, count] of runs.toSorted(([a], [b]) => a - b)) {
    const last = all.at(-1);
    if (last && first <= last[0] + last[1]) last[1] = Math.max(last[1], first + count - last[0]);
    else all.push([first, count]);
  }
  return all;
}

export function readChanges(imageDir: string): Changes | undefined {
  try {
    return Changes.parse(JSON.parse(readFileSync(join(imageDir, FOR_ITS_WAKE), "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The memory file that a VMM for this image may have mapped: its own, or the one that little differs from. */
export function mappedFor(imageDir: string): string {
  try {
    return readChanges(imageDir)?.base ?? identityOf(join(imageDir, MEMORY));
  } catch {
    // Not written yet, or not to be read: nothing but a VMM of its own will do, and says what is wrong.
    return imageDir;
  }
}

/** Memory files of images are never written again: the same inode with the same time is the same memory. */
function identityOf(memoryFile: string): string {
  const { ino, mtimeNs, size } = statSync(memoryFile, { bigint: true });
  return `${ino} ${mtimeNs} ${size}`;
}
