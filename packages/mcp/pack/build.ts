/** node packages/mcp/pack/build.ts FOLDER: the package as it is published, JavaScript without types. */
import { cpSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { REPOSITORY, readManifest, writeScripts } from "../../sdk/pack/scripts.ts";

const PACKAGE = join(REPOSITORY, "packages/mcp");

/** Fills an empty folder. */
export function buildMcp(folder: string): void {
  writeScripts(join(PACKAGE, "src"), join(folder, "dist"));
  const { version, license, dependencies } = readManifest(PACKAGE);
  const published = {
    name: "@pandastack/mcp",
    version,
    description: "Sandboxes of PandaStack as tools for models, over the Model Context Protocol.",
    license,
    type: "module",
    exports: { ".": "./dist/index.js", "./stdio": "./dist/stdio.js" },
    files: ["dist", "README.md", "LICENSE"],
    engines: { node: ">=20.10" },
    dependencies,
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  cpSync(join(PACKAGE, "README.md"), join(folder, "README.md"));
  cpSync(join(REPOSITORY, "LICENSE"), join(folder, "LICENSE"));
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("which folder?");
  buildMcp(resolve(folder));
}
