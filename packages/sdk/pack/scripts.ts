import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";

/** What every package that is published needs. */
export const REPOSITORY = join(import.meta.dirname, "../../..");

export interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly imports?: unknown;
}

export const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

/** Where one file names another: as JavaScript. */
export const toJs = (text: string): string => text.replaceAll(/(["'])(\.{1,2}\/[^"']+)\.ts\1/g, "$1$2.js$1");

/** Every source without its types, where it lies; their paths. What is JavaScript already stays. */
export function writeScripts(sources: string, dist: string): readonly string[] {
  const paths = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((path) => /\.(ts|mjs)$/.test(path));
  for (const path of paths) {
    const target = join(dist, path.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    const source = readFileSync(join(sources, path), "utf8");
    const script = path.endsWith(".ts") ? stripTypeScriptTypes(source) : source;
    // Where a type stood there is a space now.
    writeFileSync(target, toJs(script).replaceAll(/[ \t]+$/gm, ""));
  }
  return paths;
}
