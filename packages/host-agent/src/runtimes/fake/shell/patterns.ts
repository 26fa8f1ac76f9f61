import { exists, inodeOf, may } from "../fs/lookup.ts";
import type { Process, World } from "../world/world.ts";

/** A piece of an expanded word: characters that came from quotes are never wildcards. */
export interface Piece {
  readonly s: string;
  readonly isLiteral: boolean;
}

export function patternOf(pieces: readonly Piece[], options: { forPaths: boolean }): RegExp {
  const any = options.forPaths ? "[^/]" : "[^]";
  let source = "";
  for (const piece of pieces) {
    if (piece.isLiteral) source += escape(piece.s);
    else {
      source += piece.s.replace(/\[!?\]?[^\]]*\]|\*|\?|[^*?[]+|\[/g, (token) => {
        if (token === "*") return `${any}*`;
        if (token === "?") return any;
        if (token.length > 2 && token.startsWith("[")) {
          return token.startsWith("[!")
            ? `[^${token.slice(2, -1).replaceAll("\\", "\\\\")}]`
            : token.replaceAll("\\", "\\\\");
        }
        return escape(token);
      });
    }
  }
  return new RegExp(`^(?:${source})$`, "u");
}

export function hasWildcard(pieces: readonly Piece[]): boolean {
  return pieces.some((piece) => !piece.isLiteral && /[*?]|\[.+\]/.test(piece.s));
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Paths that match, sorted; empty when none does. */
export function glob(world: World, process: Process, pieces: readonly Piece[]): string[] {
  const segments: Piece[][] = [[]];
  for (const piece of pieces) {
    for (const [index, text] of piece.s.split("/").entries()) {
      if (index > 0) segments.push([]);
      segments.at(-1)!.push({ s: text, isLiteral: piece.isLiteral });
    }
  }
  let found = [segments[0]!.every((piece) => piece.s === "") && segments.length > 1 ? "/" : ""];
  for (const segment of segments) {
    const plain = segment.map((piece) => piece.s).join("");
    if (plain === "") continue;
    found = found.flatMap((base) => expandSegment(world, process, base, segment, plain));
  }
  return found.sort();
}

function expandSegment(world: World, process: Process, base: string, segment: Piece[], plain: string): string[] {
  const folderPath = base === "" ? process.cwd : base.startsWith("/") ? base : `${process.cwd}/${base}`;
  const join = (name: string): string => (base === "" || base.endsWith("/") ? `${base}${name}` : `${base}/${name}`);
  const folder = exists(world, folderPath, process);
  if (folder?.kind !== "dir") return [];
  if (!hasWildcard(segment)) {
    if (plain === "." || plain === "..") return [join(plain)];
    const ino = folder.entries.get(plain);
    return ino === undefined || !inodeOf(world, ino) ? [] : [join(plain)];
  }
  if (!may(folder, process, 4)) return [];
  const pattern = patternOf(segment, { forPaths: true });
  const names = [...folder.entries.keys()].filter((name) => pattern.test(name));
  return names.filter((name) => !name.startsWith(".") || plain.startsWith(".")).map(join);
}
