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

/** `python`: one that has the Python client's packages, for tests that run programs of it. */
function vitest(name: string, args: readonly string[], python?: string): Stage {
  const modules = join(settings.repository, "node_modules");
  return {
    name,
    file: process.execPath,
    args: [join(modules, "vitest/vitest.mjs"), "run", ...args],
    // Tests start hundreds of processes of the same code: each of them would compile it.
    env: {
      NODE_COMPILE_CACHE: join(modules, ".cache/compile"),
      ...(python === undefined ? {} : { PANDASTACK_TEST_PYTHON: python }),
    },
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
  const cache = openCache(settings.cacheDir);
  const tools = pythonTools({ cache, repository: settings.repository });
  if (chosen.length > 0) {
    // Made by the whole `npm test`: for a part of it, what is there is enough.
    const there = (await tools.step.isDone()) ? tools.outcome() : { missing: "not made yet" };
    const python = "python" in there ? there.python : undefined;
    return runStage(vitest("tests", chosen, python), settings.repository);
  }
  const agent = await cargoCommand(cache, join(settings.repository, "native/guest-agent"), ["test", "--quiet"]);
  await runSteps([tools.step], reporterFor(settings));
  const outcome = tools.outcome();
  const python = "python" in outcome ? outcome.python : undefined;
  const stages = [
    { name: "types, lint and format", file: process.execPath, args: [findNpmCli(), "run", "--silent", "check"] },
    [{ name: "guest agent", ...agent }, ...(python === undefined ? [] : [pythonClient(python)])],
    [
      vitest(
        "machines",
        BESIDE.map((name) => `--project=${name}`),
      ),
      vitest("the rest", [`--maxWorkers=${WORKERS}`, ...BESIDE.map((name) => `--project=!${name}`)], python),
    ],
  ];
  const outcomes = await runStages(stages, settings.repository);
  const notRun = "missing" in outcome ? [{ name: PYTHON_CLIENT, reason: outcome.missing }] : [];
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
