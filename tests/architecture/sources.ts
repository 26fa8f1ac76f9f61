import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

/** The repository as its rules see it: tracked and new files, the imports in them. */
export const ROOT = new URL("../..", import.meta.url).pathname;

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path from the root when it names a file of the repository. */
  readonly target: string | undefined;
  /** Gone at run time. */
  readonly isType: boolean;
}

let cached: string[] | undefined;

/** Every file that is or would be committed, by path from the root. */
export function files(): string[] {
  cached ??= execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  })
    .split("\n")
    .filter((path) => path !== "" && existsSync(join(ROOT, path)));
  return cached;
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

export function sourcesOf(packageName: string): string[] {
  return files().filter((path) => path.startsWith(`packages/${packageName}/src/`) && /\.(ts|mjs)$/.test(path));
}

/** Imports and re-exports, by their text: the sources are formatted, so a declaration begins its line. */
const IMPORT = /^\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

export function importsOf(path: string): Import[] {
  const found: Import[] = [];
  for (const match of read(path).matchAll(IMPORT)) {
    const specifier = match[2] ?? match[3]!;
    const target = specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : undefined;
    found.push({ specifier, target, isType: match[1] !== undefined });
  }
  return found;
}

/** First folder below a package's `src`, or undefined for a file that lies in `src` itself. */
export function folderOf(path: string): string | undefined {
  const parts = relative(ROOT, join(ROOT, path)).split("/");
  return parts.length > 4 ? parts[3] : undefined;
}

/** Some way around in a directed graph, if there is one. */
export function cycleIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const state = new Map<string, "open" | "done">();
  const way: string[] = [];
  const visit = (node: string): string[] | undefined => {
    if (state.get(node) === "done") return undefined;
    if (state.get(node) === "open") return [...way.slice(way.indexOf(node)), node];
    state.set(node, "open");
    way.push(node);
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    way.pop();
    state.set(node, "done");
    return undefined;
  };
  for (const node of graph.keys()) {
    const cycle = visit(node);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
