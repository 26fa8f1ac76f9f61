import { PandaStack } from "@pandastack/sdk";
import { describe, expect, test } from "vitest";

/**
 * Each template of the catalogue, built on the server that PANDASTACK_API_URL and PANDASTACK_API_KEY say, and its tools used in a
 * sandbox. PANDASTACK_TEMPLATES names some of them, PANDASTACK_TEMPLATE_RUNTIME another runtime than the server's first.
 */
const panda = new PandaStack();
const runtime = process.env["PANDASTACK_TEMPLATE_RUNTIME"];
const COMMAND_TIMEOUT_MS = 300_000;

const PICTURE = "\\x89PNG";
/** What is run in a sandbox, and what it says. */
const smoke: Record<string, readonly (readonly [command: string, said: RegExp])[]> = {
  base: [
    [
      "node --version; python3 --version; git --version; curl --version | head -1",
      /v24[\s\S]*Python 3[\s\S]*git[\s\S]*curl/,
    ],
  ],
  "code-interpreter": [
    ["python3 -c 'import pandas as p; print(p.DataFrame({\"a\": [1, 2, 3]}).a.sum())'", /^6$/m],
    ["python3 -c 'import sklearn, scipy, seaborn, PIL, requests, openpyxl, IPython; print(\"all\")'", /^all$/m],
    [
      'cd /tmp && python3 -c \'import matplotlib.pyplot as p; p.plot([1, 2]); p.savefig("a.png")\' && python3 -c \'print(open("a.png", "rb").read(4))\'',
      new RegExp(PICTURE.replaceAll("\\", "\\\\")),
    ],
  ],
  agent: [
    ["codex --version", /\d+\.\d+/],
    ["opencode --version", /\d+\.\d+/],
    ["rg --version | head -1; tmux -V; jq --version", /ripgrep[\s\S]*tmux[\s\S]*jq/],
  ],
  browser: [
    [
      "cd /tmp && echo '<h1>here</h1>' > a.html && screenshot file:///tmp/a.html a.png 2>/dev/null; python3 -c 'print(open(\"a.png\", \"rb\").read(4))'",
      new RegExp(PICTURE.replaceAll("\\", "\\\\")),
    ],
    ["chromium --version", /Chromium \d+/],
    ["python3 -c 'import playwright; print(\"there\")'", /there/],
  ],
  "postgres-17": [
    [
      `su postgres -c "psql -qAtc \\"create extension if not exists vector; select '[1,2,3]'::vector <-> '[1,2,4]'::vector\\""`,
      /^1$/m,
    ],
    ["pgbouncer --version | head -1; pgbackrest version", /PgBouncer 1\.\d+[\s\S]*pgBackRest/],
  ],
};

const only = process.env["PANDASTACK_TEMPLATES"]?.split(",");

describe.each(Object.entries(smoke).filter(([name]) => only?.includes(name) ?? true))("%s", (name, checks) => {
  test("is built, and its tools work in a sandbox", async () => {
    if ((await panda.templates.get(name)).status !== "ready") await (await panda.templates.buildCatalogue(name)).done();
    await using sandbox = await panda.sandboxes.create({ template: name, runtime, timeoutMs: COMMAND_TIMEOUT_MS });
    for (const [command, said] of checks) {
      const { stdout, stderr } = await sandbox.commands.run(command, { timeoutMs: COMMAND_TIMEOUT_MS });
      expect(stdout, stderr).toMatch(said);
    }
  });
});

describe.skipIf(only?.includes("code-interpreter") === false)("code-interpreter's kernels", () => {
  test("are in its memory: nothing is started or loaded for the first cell, and no two copies share a token", async () => {
    const tokens = new Set<string>();
    for (let round = 0; round < 2; round++) {
      await using sandbox = await panda.sandboxes.create({
        template: "code-interpreter",
        runtime,
        timeoutMs: COMMAND_TIMEOUT_MS,
      });
      const loaded = await sandbox.runCode(
        "import sys; [name in sys.modules for name in ('pandas', 'matplotlib.pyplot')]",
      );
      expect(loaded).toMatchObject({ text: "[True, True]", executionCount: 1 });
      expect((await sandbox.runCode("1 + 1", { language: "javascript" })).text).toBe("2");
      tokens.add((await sandbox.commands.run("cat /run/pandastack/code/token")).stdout);
    }
    expect(tokens.size).toBe(2);
  });
});
