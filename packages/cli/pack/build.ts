/**
 * node packages/cli/pack/build.ts FOLDER: the command line as it is published, JavaScript without types, for any Node from 20 on.
 * What works on the server's own machine (`doctor`, `backup`, …) says that it comes with the server.
 */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { REPOSITORY, readManifest, writeScripts } from "../../sdk/pack/scripts.ts";

const PACKAGE = join(REPOSITORY, "packages/cli");

/** Fills an empty folder. */
export function buildCli(folder: string): void {
  writeScripts(join(PACKAGE, "src"), join(folder, "dist"));
  const main = join(folder, "dist/main.js");
  writeFileSync(main, `#!/usr/bin/env node\n${readFileSync(main, "utf8")}`);
  const { version, license, dependencies } = readManifest(PACKAGE);
  const { "@pandastack/setup": _, ...needed } = dependencies;
  const published = {
    name: "@pandastack/cli",
    version,
    description: "The command line of PandaStack, a self-hosted cloud of microVMs for AI agents.",
    license,
    type: "module",
    bin: { pandastack: "./dist/main.js" },
    files: ["dist", "README.md", "LICENSE"],
    engines: { node: ">=20.10" },
    dependencies: needed,
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  cpSync(join(PACKAGE, "README.md"), join(folder, "README.md"));
  cpSync(join(REPOSITORY, "LICENSE"), join(folder, "LICENSE"));
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("which folder?");
  buildCli(resolve(folder));
}
