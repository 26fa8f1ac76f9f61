/**
 * `npm test`: sets the machine up, then every test there is. `npm test -- --project unit` (or any other arguments of vitest)
 * runs only that.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { cargoCommand } from "./artifacts/guest-agent.ts";
import { pythonTools } from "./artifacts/python-tools.ts";
import { openCache } from "./cache/cache.ts";
import { findNpmCli } from "./host/npm.ts";
import { reporterFor, setUp } from "./set-up.ts";
import { readSettings } from "./settings.ts";
import { hasHostCertificates } from "./artifacts/rootfs/guest-ca.ts";
import { runStage, runStages, type Stage, summary } from "./stages.ts";
import { runSteps } from "./steps/run-steps.ts";
import { StepFailed } from "./steps/step.ts";

// Guests are to reach package registries in tests, also where TLS is inspected.
if (hasHostCertificates()) process.env["PANDASTACK_GUEST_CA"] ??= "host";
const settings = readSettings();
const chosen = process.argv.slice(2);

/**
 * Projects that run beside all others. Tests wait more than they compute, and those that drive virtual machines go one after
 * the other: two rows of them take little more than half the time of one.
 */
const BESIDE = ["conformance-qemu", "conformance-gvisor", "crash"];

/** Files of tests at a time, in projects that allow it: most of their time they wait for periods and processes. */
const WORKERS = Math.max(3, availableParallelism() - 1);

function vitest(name: string, args: readonly string[]): Stage {
  const modules = join(settings.repository, "node_modules");
  return {
    name,
    file: process.execPath,
    args: [join(modules, "vitest/vitest.mjs"), "run", ...args],
    // Tests start hundreds of processes of the same code: each of them would compile it.
    env: { NODE_COMPILE_CACHE: join(modules, ".cache/compile") },
  };
}

const PYTHON_CLIENT = "Python client";

function pythonClient(python: string): Stage {
  const folder = join(settings.repository, "python");
  // The server that its tests start is run with this Node.
  const env = { PANDASTACK_NODE: process.execPath, PYTHONDONTWRITEBYTECODE: "1" };
  return {
    name: PYTHON_CLIENT,
    file: python,
    args: ["-m", "pytest", "--rootdir", folder, "-c", join(folder, "pyproject.toml"), folder],
    env,
  };
}

async function test(): Promise<number> {
  await setUp(settings, reporterFor(settings));
  if (chosen.length > 0) return runStage(vitest("tests", chosen), settings.repository);
  const cache = openCache(settings.cacheDir);
  const agent = await cargoCommand(cache, join(settings.repository, "native/guest-agent"), ["test", "--quiet"]);
  const tools = pythonTools({ cache, repository: settings.repository });
  await runSteps([tools.step], reporterFor(settings));
  const python = tools.outcome();
  const stages = [
    { name: "types, lint and format", file: process.execPath, args: [findNpmCli(), "run", "--silent", "check"] },
    [{ name: "guest agent", ...agent }, ...("python" in python ? [pythonClient(python.python)] : [])],
    [
      vitest(
        "machines",
        BESIDE.map((name) => `--project=${name}`),
      ),
      vitest("the rest", [`--maxWorkers=${WORKERS}`, ...BESIDE.map((name) => `--project=!${name}`)]),
    ],
  ];
  const outcomes = await runStages(stages, settings.repository);
  const notRun = "python" in python ? [] : [{ name: PYTHON_CLIENT, reason: python.missing }];
  process.stdout.write(summary(outcomes, notRun));
  return outcomes.every((outcome) => outcome.exitCode === 0) ? 0 : 1;
}

try {
  process.exitCode = await test();
} catch (error) {
  // It has been told already.
  if (!(error instanceof StepFailed)) throw error;
  process.exitCode = 1;
}
