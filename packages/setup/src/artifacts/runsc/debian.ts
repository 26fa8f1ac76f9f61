import { chmodSync, renameSync } from "node:fs";
import { join } from "node:path";
import { hashParts } from "../../cache/hash.ts";
import { removeTree } from "../../tools/remove-tree.ts";
import { runTool } from "../../tools/run-tool.ts";
import { DEBIAN_SUITE, type DebianMirror, mirrorArguments } from "../debian.ts";
import { describeRunsc, type RunscOutcome } from "./outcome.ts";

const RECIPE_VERSION = "1";
const PACKAGE = "runsc";

export const debianRecipe = (mirror: DebianMirror): string => hashParts(RECIPE_VERSION, DEBIAN_SUITE, mirror ?? "");

/** Debian's runsc, out of its package, whatever the host runs: older than ours and slower to start. */
export async function unpackDebianRunsc(
  mirror: DebianMirror,
  folder: string,
  log: (text: string) => void,
): Promise<RunscOutcome> {
  const tree = join(folder, "tree");
  const args = ["--variant=extract", `--include=${PACKAGE}`, DEBIAN_SUITE, tree, ...mirrorArguments(mirror)];
  await runTool("mmdebstrap", args, { log });
  renameSync(join(tree, "usr/bin/runsc"), join(folder, "runsc"));
  chmodSync(join(folder, "runsc"), 0o755);
  await removeTree(tree);
  return describeRunsc(folder, "debian");
}
