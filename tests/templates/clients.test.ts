import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PandaStack } from "@pandastack/sdk";
import { expect, test } from "vitest";
import { BUILDS, printsOf, PYTHON, pythonBlocks, runPython } from "../e2e/support/python.ts";
import { REPOSITORY } from "../e2e/support/start-server.ts";
import { runScenario } from "../scenarios/run-scenario.ts";
import { scenarios } from "../scenarios/scenarios.ts";

/**
 * What clients do with templates, and the product's own words in the template that they name, on the server that
 * PANDASTACK_API_URL and PANDASTACK_API_KEY say. PANDASTACK_TEST_PYTHON: a Python with the Python client's packages.
 */
const panda = new PandaStack();

for (const scenario of scenarios.filter(({ needs }) => needs === "builds"))
  test(scenario.name, () => runScenario(panda, scenario));

for (const page of ["python/README.md", "docs/templates.md"])
  for (const program of pythonBlocks(page).filter((block) => BUILDS.test(block)))
    test.skipIf(PYTHON === undefined)(`${page}: Python that builds a template runs as it stands`, () =>
      succeeds(program),
    );

for (const name of ["announcement", "older-style"])
  test.skipIf(PYTHON === undefined)(`the lines of python/tests/${name}.txt run as they stand`, async () => {
    const stdout = await succeeds(readFileSync(join(REPOSITORY, `python/tests/${name}.txt`), "utf8"));
    if (name === "announcement") expect(stdout).toMatch(/^3\.\d+\.\d+ .* 0$/ms);
  });

async function succeeds(program: string): Promise<string> {
  const before = new Set((await panda.sandboxes.list().toArray()).map(({ id }) => id));
  const ran = await runPython(program, { url: panda.baseUrl, token: panda.http.config.apiKey ?? "" });
  // What its lines leave to their reader goes with the test.
  for (const { id } of await panda.sandboxes.list().toArray()) if (!before.has(id)) await panda.sandboxes.kill(id);
  expect(ran, ran.stderr).toMatchObject({ exitCode: 0 });
  for (const said of printsOf(program)) expect(ran.stdout.split("\n")).toContain(said);
  return ran.stdout;
}
