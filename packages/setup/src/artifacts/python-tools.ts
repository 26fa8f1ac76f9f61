import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Cache, Entry, Outcome } from "../cache/cache.ts";
import { hashParts } from "../cache/hash.ts";
import { installPackages } from "../host/apt.ts";
import { type Distribution, isSupported, readDistribution } from "../host/distribution.ts";
import { findPython, type Python, PYTHON_PACKAGES } from "../host/python.ts";
import type { Step } from "../steps/step.ts";
import { runTool } from "../tools/run-tool.ts";

const KIND = "python";

/** What the tests of the Python client run with: a virtual environment with pinned packages, or why there is none. */
export interface PythonTools {
  readonly step: Step;
  /** To be asked when the step is done. */
  outcome(): { readonly python: string } | { readonly missing: string };
}

export interface PythonToolsInput {
  readonly cache: Cache;
  readonly repository: string;
  readonly distribution?: Distribution;
  readonly find?: () => Promise<Python | undefined>;
}

export function pythonTools(input: PythonToolsInput): PythonTools {
  const { cache, repository, distribution = readDistribution(), find = findPython } = input;
  const requirements = join(repository, "python/requirements-dev.txt");
  let entry: Entry<Outcome> | undefined;
  let missing: string | undefined;
  const recipeOf = ({ path, version }: Python): string => hashParts(path, version, readFileSync(requirements));
  return {
    outcome: () =>
      entry === undefined
        ? { missing: missing ?? "its step was not done" }
        : { python: join(entry.path, "bin/python") },
    step: {
      name: "tools for the Python client's tests",
      needs: [],
      isDone: async () => {
        const python = await find();
        if (python !== undefined) entry = cache.find(KIND, recipeOf(python));
        else if (!isSupported(distribution))
          missing = `there is no Python 3.10 or newer with venv, and on ${distribution.title} none is installed by itself`;
        return entry !== undefined || missing !== undefined;
      },
      run: async (context) => {
        if ((await find()) === undefined) {
          context.say(`installing ${PYTHON_PACKAGES.join(" ")}`);
          await installPackages(PYTHON_PACKAGES, context);
        }
        const python = await find();
        if (python === undefined)
          throw new Error(`no Python 3.10 or newer, although ${PYTHON_PACKAGES.join(" and ")} are installed`);
        const recipe = recipeOf(python);
        entry = await cache.obtain(KIND, recipe, async (folder) => {
          const { log } = context;
          await runTool(python.path, ["-m", "venv", folder], { log });
          const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
          const pinned = ["--require-hashes", "--only-binary=:all:", "--requirement", requirements];
          await runTool(join(folder, "bin/python"), [...install, ...pinned], { log });
          return { key: recipe };
        });
      },
    },
  };
}
