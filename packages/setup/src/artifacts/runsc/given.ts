import { chmodSync, cpSync, existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { hashParts } from "../../cache/hash.ts";
import { describeRunsc, SIDECARS, type RunscOutcome } from "./outcome.ts";

/** A file that was changed is another recipe. */
export function givenRecipe(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) throw new Error(`PANDASTACK_RUNSC: there is no file ${path}`);
  return hashParts(resolve(path), String(stat.size), String(stat.mtimeMs));
}

/** The operator's own, as it is: copied, since snapshots need this very build when another has taken its place. */
export async function copyGivenRunsc(path: string, folder: string): Promise<RunscOutcome> {
  cpSync(path, join(folder, "runsc"), { dereference: true });
  chmodSync(join(folder, "runsc"), 0o755);
  const beside = join(dirname(path), SIDECARS);
  if (existsSync(beside)) cpSync(beside, join(folder, SIDECARS), { recursive: true, dereference: true });
  return describeRunsc(folder, "given");
}
