import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "../../cache/cache.ts";
import { hashTree } from "../../cache/hash.ts";
import { runTool } from "../../tools/run-tool.ts";

export interface RunscOutcome extends Outcome {
  readonly version: string;
  readonly origin: "built" | "debian" | "given";
  readonly sidecars: boolean;
}

/** The folder beside runsc with what it starts the sentry from. */
export const SIDECARS = "gvisor-bin";
/** In it: what the host agent speaks with sentries by. */
export const CALLER = "pandastack-call";

/** What the folder holds, by content. A runsc that does not run here fails. */
export async function describeRunsc(folder: string, origin: RunscOutcome["origin"]): Promise<RunscOutcome> {
  const runsc = join(folder, "runsc");
  const said = await runTool(runsc, ["--version"]);
  const version = /^runsc version (\S+)/m.exec(said)?.[1];
  if (version === undefined) throw new Error(`${runsc} does not tell its version: ${said.slice(0, 200)}`);
  const sidecars = existsSync(join(folder, SIDECARS));
  const key = await hashTree(runsc, ...(sidecars ? [join(folder, SIDECARS)] : []));
  return { key, version, origin, sidecars };
}
