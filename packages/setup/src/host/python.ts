import { runTool } from "../tools/run-tool.ts";
import { findProgram } from "./programs.ts";

/** What the Python client promises to run with. */
const OLDEST_MINOR = 10;
const NEWEST_KNOWN_MINOR = 14;

export interface Python {
  readonly path: string;
  /** Whole, with how it was built: what one has compiled, another cannot use. */
  readonly version: string;
}

/** Debian and Ubuntu keep what a virtual environment is made with in a package of its own. */
export const PYTHON_PACKAGES = ["python3", "python3-venv"];

const QUESTION = [
  "import sys, venv, ensurepip",
  `assert sys.version_info >= (3, ${OLDEST_MINOR})`,
  "print(sys.executable, sys.version)",
].join("\n");

/** One that is new enough and can make virtual environments; the system's own first. */
export async function findPython(names: readonly string[] = NAMES): Promise<Python | undefined> {
  for (const name of names) {
    const path = findProgram(name);
    if (path === undefined) continue;
    // One that has no venv, or is too old, says so by failing: the next may do.
    const version = await runTool(path, ["-c", QUESTION], { life: "plain" }).catch(() => undefined);
    if (version !== undefined) return { path, version };
  }
  return undefined;
}

const NAMES = [
  "python3",
  ...Array.from(
    { length: NEWEST_KNOWN_MINOR - OLDEST_MINOR + 1 },
    (_, index) => `python3.${NEWEST_KNOWN_MINOR - index}`,
  ),
];
