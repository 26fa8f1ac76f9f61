/**
 * node packages/sdk/pack/build.ts FOLDER: the package as it is published: JavaScript without types, declarations that need
 * nothing but themselves, a package.json without what only this repository needs. `npm pack FOLDER` makes the archive of it.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { readManifest, REPOSITORY, toJs, writeScripts } from "./scripts.ts";
import { contractNames, declareTypes } from "./wire-types.ts";

const SOURCES = join(REPOSITORY, "packages/sdk/src");

/** Fills an empty folder. */
export function buildPackage(folder: string): void {
  const paths = buildScripts(folder);
  writeDeclarations(paths, join(folder, "dist"));
}

/** The same without declarations, which are a minute's work on a busy machine; the sources' paths. */
export function buildScripts(folder: string): readonly string[] {
  const paths = writeScripts(SOURCES, join(folder, "dist"));
  const { version, license, dependencies, imports } = readManifest(join(REPOSITORY, "packages/sdk"));
  const published = {
    name: "@pandastack/sdk",
    version,
    description: "The client of PandaStack, a self-hosted cloud of microVMs for AI agents.",
    license,
    type: "module",
    exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
    types: "./dist/index.d.ts",
    files: ["dist", "README.md", "LICENSE"],
    engines: { node: ">=20" },
    sideEffects: false,
    imports: publishedImports(imports),
    dependencies,
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  cpSync(join(REPOSITORY, "packages/sdk/README.md"), join(folder, "README.md"));
  cpSync(join(REPOSITORY, "LICENSE"), join(folder, "LICENSE"));
  return paths;
}

/** What browsers have in another file's place, as it lies in the package. */
function publishedImports(imports: unknown): unknown {
  const text = JSON.stringify(imports).replaceAll(/"\.\/src\/([^"]+)\.ts"/g, '"./dist/$1.js"');
  return JSON.parse(text);
}

function writeDeclarations(paths: readonly string[], dist: string): void {
  const work = mkdtempSync(join(tmpdir(), "pandastack-declarations-"));
  try {
    const config = {
      extends: join(REPOSITORY, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        declaration: true,
        emitDeclarationOnly: true,
        rootDir: join(REPOSITORY, "packages"),
        outDir: work,
        typeRoots: [join(REPOSITORY, "node_modules/@types")],
      },
      include: [SOURCES],
    };
    writeFileSync(join(work, "tsconfig.json"), JSON.stringify(config));
    execFileSync(join(REPOSITORY, "node_modules/.bin/tsc"), ["-p", join(work, "tsconfig.json")], { stdio: "inherit" });
    const names: string[] = [];
    for (const path of paths) {
      const declaration = readFileSync(join(work, "sdk/src", path.replace(/\.ts$/, ".d.ts")), "utf8");
      names.push(...contractNames(readFileSync(join(SOURCES, path), "utf8")));
      const target = join(dist, path.replace(/\.ts$/, ".d.ts"));
      const wire = relative(dirname(target), join(dist, "wire.js"));
      // Only inside: a consumer needs no types of it.
      const own = toJs(declaration)
        .replace(/import (?:type )?WebSocket.* from "ws";/, "type WebSocket = object;")
        .replaceAll(/"@pandastack\/contracts(?:\/host)?"/g, `"${wire.startsWith(".") ? wire : `./${wire}`}"`);
      writeFileSync(target, own);
    }
    writeFileSync(join(dist, "wire.d.ts"), `${declareTypes(names)}`);
  } finally {
    rmSync(work, { recursive: true });
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("which folder?");
  buildPackage(resolve(folder));
}
