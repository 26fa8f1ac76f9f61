import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { panda, server } from "./support/api.ts";
import { itWhen } from "./support/not-run.ts";
import { BUILDS, printsOf, PYTHON, pythonBlocks, runPytest, runPython } from "./support/python.ts";
import { REPOSITORY } from "./support/start-server.ts";

/** What is written about the Python client, run as it stands on real sandboxes. */
const PROGRAM_TIMEOUT_MS = 180_000;
const SCENARIOS_TIMEOUT_MS = 300_000;
const PAGES = ["README.md", "python/README.md", "docs/templates.md"];

const runs = itWhen(
  PYTHON !== undefined && !server.isFake,
  server.isFake
    ? "the fake guest has no programs of its own"
    : "PANDASTACK_TEST_PYTHON names no Python with the client's packages; `npm test` makes one",
);

for (const page of PAGES) {
  const blocks = pythonBlocks(page);
  for (const [index, program] of blocks.entries()) {
    // Templates take minutes: npm run test:templates.
    if (BUILDS.test(program)) continue;
    runs(
      `${page}: Python ${index + 1} of ${blocks.length} runs as it stands, and prints what it says`,
      () => succeeds(program),
      PROGRAM_TIMEOUT_MS,
    );
  }
}

// On a server without the template `base` has to do; `tests/templates` runs them with it.
for (const name of ["announcement", "older-style"])
  runs(
    `the lines of python/tests/${name}.txt run as they stand`,
    async () => {
      const program = readFileSync(join(REPOSITORY, `python/tests/${name}.txt`), "utf8");
      const { status } = await panda.templates.get("code-interpreter");
      await succeeds(status === "ready" ? program : program.replaceAll("code-interpreter", "base"));
    },
    PROGRAM_TIMEOUT_MS,
  );

for (const half of ["_async", "_sync"])
  runs(
    `the scenarios of every client, with the Python one: ${half}`,
    async () => {
      const given = { url: server.url, token: server.token, has_programs: true };
      const ran = await runPytest([`tests/${half}/test_scenarios.py`, "--durations=3"], given);
      expect(ran, ran.stdout + ran.stderr).toMatchObject({ exitCode: 0 });
    },
    SCENARIOS_TIMEOUT_MS,
  );

it("has pages with Python to run", () => {
  for (const page of PAGES) expect(pythonBlocks(page).length, page).toBeGreaterThan(0);
});

async function succeeds(program: string): Promise<void> {
  const [sandboxes, snapshots] = [await sandboxIds(), await snapshotIds()];
  const ran = await runPython(program, server);
  // What the lines of a page leave to their reader goes with the test.
  for (const id of await sandboxIds()) if (!sandboxes.has(id)) await panda.sandboxes.kill(id);
  for (const id of await snapshotIds()) if (!snapshots.has(id)) await panda.snapshots.delete(id);
  expect(ran, ran.stderr).toMatchObject({ exitCode: 0 });
  for (const said of printsOf(program)) expect(ran.stdout.split("\n")).toContain(said);
}

async function sandboxIds(): Promise<Set<string>> {
  return new Set((await panda.sandboxes.list().toArray()).map(({ id }) => id));
}

async function snapshotIds(): Promise<Set<string>> {
  return new Set((await panda.snapshots.list().toArray()).map(({ id }) => id));
}
