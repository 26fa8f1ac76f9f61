import { createHash } from "node:crypto";
import { matchesGlob, posix } from "node:path";
import { Refusal } from "@pandastack/platform";

export interface ContextFile {
  readonly bytes: Buffer;
  readonly mode: number;
}

/** Files of a build, by their paths in the context: relative, normalised, never above it. */
export type BuildContext = ReadonlyMap<string, ContextFile>;

/** A path as a file of the context has it. */
export function contextPath(given: string): string {
  const path = posix.normalize(given.replaceAll("\\", "/"));
  if (path === "." || path.includes("\0"))
    throw new Refusal("validation.failed", `context: ${given} is no file's path`);
  if (path.startsWith("/") || path.split("/").includes(".."))
    throw new Refusal("validation.failed", `context: ${given} leads out of the context`);
  return path;
}

/** A file to be put into the builder. */
export interface PlacedFile extends ContextFile {
  readonly path: string;
}

/**
 * What a COPY puts where: folders give what is in them, files go to the name that was said, or into the folder where that ends
 * with a slash or there are several.
 */
export function placeFiles(
  context: BuildContext,
  { from, to, mode }: { from: readonly string[]; to: string; mode?: string | undefined },
  cwd: string,
): PlacedFile[] {
  const target = posix.resolve(cwd, to);
  const placed: PlacedFile[] = [];
  const found = from.flatMap((source) => find(context, source));
  const isInto = /(^|\/)\.?\/?$/.test(to) || to.endsWith("/") || to === "." || found.length > 1;
  for (const { path, name, isWithin } of found) {
    const file = context.get(path)!;
    const place = isWithin ? posix.join(target, name) : isInto ? posix.join(target, posix.basename(path)) : target;
    placed.push({ path: place, bytes: file.bytes, mode: mode === undefined ? file.mode : Number.parseInt(mode, 8) });
  }
  return placed.sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Found {
  readonly path: string;
  /** Below the folder that was asked for. */
  readonly name: string;
  readonly isWithin: boolean;
}

function find(context: BuildContext, source: string): Found[] {
  const wanted = posix.normalize(source.replace(/^\/+/, "") || ".").replace(/\/$/, "");
  if (wanted.split("/").includes(".."))
    throw new Refusal("validation.failed", `${source} leads out of the build context`);
  const exact = context.get(wanted);
  if (exact !== undefined) return [{ path: wanted, name: posix.basename(wanted), isWithin: false }];
  const below = wanted === "." ? "" : `${wanted}/`;
  const inside = [...context.keys()].filter((path) => path.startsWith(below));
  if (inside.length > 0) return inside.map((path) => ({ path, name: path.slice(below.length), isWithin: true }));
  const matching = [...new Set([...context.keys()].flatMap((path) => prefixesOf(path)))]
    .filter((path) => matchesGlob(path, wanted))
    .flatMap((path) => find(context, path));
  if (matching.length === 0) throw new Refusal("validation.failed", `${source} is not in the build context`);
  return matching;
}

function prefixesOf(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

export function hashFiles(files: readonly PlacedFile[]): string {
  const hash = createHash("sha256");
  for (const { path, mode, bytes } of files) hash.update(`${path}\0${mode}\0${bytes.length}\0`).update(bytes);
  return hash.digest("hex");
}
