import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PandaStack } from "@pandastack/sdk";
import { expect, test } from "vitest";
import { printsOf, PYTHON, runPython } from "../e2e/support/python.ts";
import { REPOSITORY } from "../e2e/support/start-server.ts";

/** The product's own words, in the template that they name, on the server that PANDASTACK_API_URL and PANDASTACK_API_KEY say. */
const panda = new PandaStack();

test.skipIf(PYTHON === undefined).each(["announcement", "older-style"])(
  "the lines of python/tests/%s.txt run as they stand (PANDASTACK_TEST_PYTHON: a Python with the client's packages)",
  async (name) => {
    if ((await panda.templates.get("code-interpreter")).status !== "ready")
      await (await panda.templates.buildCatalogue("code-interpreter")).done();
    const program = readFileSync(join(REPOSITORY, `python/tests/${name}.txt`), "utf8");
    const before = new Set((await panda.sandboxes.list().toArray()).map(({ id }) => id));
    const ran = await runPython(program, { url: panda.baseUrl, token: panda.http.config.apiKey ?? "" });
    for (const { id } of await panda.sandboxes.list().toArray()) if (!before.has(id)) await panda.sandboxes.kill(id);
    expect(ran, ran.stderr).toMatchObject({ exitCode: 0, stderr: "" });
    for (const said of printsOf(program)) expect(ran.stdout.split("\n")).toContain(said);
    if (name === "announcement") expect(ran.stdout).toMatch(/^3\.\d+\.\d+ .* 0$/ms);
  },
);
