import { createHash } from "node:crypto";
import { createReadStream, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join, relative } from "node:path";

const KEY_LENGTH = 24;

/** Key of a recipe: the same parts in the same order give the same key. */
export function hashParts(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, KEY_LENGTH);
}

const MODE_BITS = 0o7777;
const EXECUTABLE = 0o100;

/** Key of files and folders by content, names, modes and links; times and owners don't count. */
export const hashTree = (...roots: readonly string[]): Promise<string> => hashWith((mode) => mode, roots);

/** As `hashTree`, of sources: who else may read a clone is its owner's business and changes nothing that is built from it. */
export const hashSources = (...roots: readonly string[]): Promise<string> =>
  hashWith((mode) => (mode & ~MODE_BITS) | (mode & EXECUTABLE), roots);

async function hashWith(modeOf: (mode: number) => number, roots: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const root of roots) {
    for (const path of walk(root)) {
      const stat = lstatSync(path);
      hash.update(`\n${relative(root, path)} ${modeOf(stat.mode).toString(8)} ${stat.isFile() ? stat.size : 0}\n`);
      if (stat.isSymbolicLink()) hash.update(readlinkSync(path));
      if (stat.isFile()) for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    }
  }
  return hash.digest("hex").slice(0, KEY_LENGTH);
}

function* walk(path: string): Generator<string> {
  yield path;
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path).sort()) yield* walk(join(path, name));
}
