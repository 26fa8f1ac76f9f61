import type { Cache, Entry } from "../cache/cache.ts";
import type { StepContext } from "../steps/step.ts";
import type { DebianMirror } from "./debian.ts";
import { buildRecipe, buildRunsc } from "./runsc/build.ts";
import { debianRecipe, unpackDebianRunsc } from "./runsc/debian.ts";
import { copyGivenRunsc, givenRecipe } from "./runsc/given.ts";
import type { RunscOutcome } from "./runsc/outcome.ts";

export type RunscEntry = Entry<RunscOutcome>;

export interface RunscInput {
  /**
   * PANDASTACK_RUNSC: a file, `none` for no gVisor, `build` for our own and nothing else, `debian` for the package and nothing
   * else; undefined: ours, else Debian's.
   */
  readonly runsc: string | undefined;
  /** Folder of our Go module. */
  readonly runscModule: string;
  readonly mirror: DebianMirror;
}

/** Builds of every origin side by side, by content: a snapshot's build stays when another comes. */
const KIND = "runsc";

/** What is there already; `undefined`: `obtainRunsc` has something to do. */
export async function findRunsc(cache: Cache, input: RunscInput): Promise<RunscEntry | "none" | undefined> {
  const { runsc } = input;
  if (runsc === "none") return "none";
  const findDebian = () => cache.find<RunscOutcome>(KIND, debianRecipe(input.mirror));
  if (runsc === "debian") return findDebian();
  if (runsc !== undefined && runsc !== "build") return cache.find<RunscOutcome>(KIND, givenRecipe(runsc));
  const built = cache.find<RunscOutcome>(KIND, await buildRecipe(input.runscModule));
  return runsc === "build" ? built : (built ?? findDebian());
}

/**
 * A host without gVisor is a host all the same: where neither our build nor Debian's package can be had, the answer is why. It
 * is tried again at the next start. What the operator has asked for by name fails.
 */
export async function obtainRunsc(
  cache: Cache,
  input: RunscInput,
  context: StepContext,
): Promise<RunscEntry | { missing: string }> {
  const { runsc, runscModule, mirror } = input;
  const onWait = (): void => context.say("another set-up builds it, waiting");
  const build = async (): Promise<RunscEntry> => {
    const recipe = await buildRecipe(runscModule);
    return cache.obtain(KIND, recipe, (folder) => buildRunsc(cache, runscModule, folder, context), onWait);
  };
  const fetch = (): Promise<RunscEntry> => {
    const unpack = (folder: string): Promise<RunscOutcome> => unpackDebianRunsc(mirror, folder, context.log);
    return cache.obtain(KIND, debianRecipe(mirror), unpack, onWait);
  };
  if (runsc === "build") return build();
  if (runsc === "debian") return fetch();
  if (runsc !== undefined)
    return cache.obtain(KIND, givenRecipe(runsc), (folder) => copyGivenRunsc(runsc, folder), onWait);
  try {
    return await build();
  } catch (error) {
    context.log(String(error instanceof Error ? error.stack : error));
    context.say(`cannot be built here (${messageOf(error)}); taking Debian's, which is slower`);
  }
  try {
    return await fetch();
  } catch (error) {
    context.log(String(error instanceof Error ? error.stack : error));
    context.say(`Debian's cannot be had either (${messageOf(error)}); going on without gVisor`);
    return { missing: `set-up could neither build nor fetch runsc: ${messageOf(error)}` };
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
