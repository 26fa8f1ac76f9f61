import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { LocalInterpreter } from "./interpreter.ts";

const hasIPython = spawnSync("python3", ["-c", "import IPython"]).status === 0;

const shells = [
  { name: "python's own", env: { PANDASTACK_CODE_SHELL: "plain" }, canRun: true },
  { name: hasIPython ? "IPython" : "IPython (not run: not installed)", env: {}, canRun: hasIPython },
];

for (const { name, env, canRun } of shells) describe.skipIf(!canRun)(`cells of ${name}`, () => pythonCells(env));

function pythonCells(env: Record<string, string>): void {
  const interpreter = new LocalInterpreter(env);
  afterAll(() => interpreter.stop());
  const run = interpreter.run.bind(interpreter);

  test("variables stay, the last expression is the result, output comes before it", async () => {
    await run("x = 20");
    const { messages, text, stdout, stderr, end } = await run(
      "import sys, os\nprint('héllo')\nprint('bad', file=sys.stderr)\nos.system('echo child')\nx + 1",
    );
    expect(text).toBe("21");
    expect(stdout).toContain("héllo\n");
    expect(stdout).toContain("child\n");
    expect(stderr).toBe("bad\n");
    expect(end).toMatchObject({ exit_code: 0, timed_out: false, execution_count: 2 });
    const types = messages.map(({ type }) => type);
    expect(types[0]).toBe("number_of_executions");
    expect(types.indexOf("result")).toBeGreaterThan(types.lastIndexOf("stdout"));
    expect(types.slice(-2)).toEqual(["end_of_execution", "end"]);
  });

  test("a semicolon hides the value; lists are JSON, too", async () => {
    expect((await run("x;")).text).toBeUndefined();
    expect((await run("[1, {'a': 2}]")).results[0]).toMatchObject({ json: [1, { a: 2 }] });
  });

  test("an error says where, and the context goes on", async () => {
    const { error, end } = await run("def f():\n    raise ValueError('no')\nf()");
    expect(error).toMatchObject({ name: "ValueError", value: "no" });
    expect(error!["traceback"]).toMatch(/in f[\s\S]*raise ValueError/);
    expect(end).toMatchObject({ exit_code: 1 });
    expect((await run("1 +")).error).toMatchObject({ name: "SyntaxError" });
    expect((await run("x")).text).toBe("20");
  });

  test("await works at the top, and what was started runs on between cells", async () => {
    const { text } = await run(
      "import asyncio\nticks = []\nasync def tick():\n    ticks.append(1)\n    await asyncio.sleep(0.01)\n    ticks.append(2)\ntask = asyncio.create_task(tick())\nawait asyncio.sleep(0)\nlen(ticks)",
    );
    expect(text).toBe("1");
    await expect.poll(async () => (await run("len(ticks)")).text, { timeout: 10_000 }).toBe("2");
  });

  test("what says how it looks is shown so, by display and as a value", async () => {
    const { results } = await run(
      "class Page:\n    def _repr_html_(self): return '<b>page</b>'\n    def _repr_png_(self): return b'\\x89PNG'\n    def __repr__(self): return 'Page'\ndisplay(Page())\nPage()",
    );
    const shown = { text: "Page", html: "<b>page</b>", png: "iVBORw==" };
    expect(results).toMatchObject([
      { ...shown, is_main_result: false },
      { ...shown, is_main_result: true },
    ]);
  });

  test("matplotlib gets our backend while it is loaded, and programs that a cell starts do not", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pandastack-matplotlib-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, "matplotlib.py"), "import os\nseen = os.environ.get('MPLBACKEND')\n");
    const [made] = await interpreter.ask({ op: "create", cwd: folder, env: { MPLBACKEND: "Agg" } });
    const { id } = made!["context"] as { id: string };
    const { text } = await run("import matplotlib, os\nmatplotlib.seen, os.environ['MPLBACKEND']", { context_id: id });
    expect(text).toBe("('module://figure_backend', 'Agg')");
    await interpreter.ask({ op: "delete", context_id: id });
  });

  test("a cell's environment is gone after it", async () => {
    expect((await run("os.environ['ONLY']", { env: { ONLY: "here" } })).text).toBe("'here'");
    expect((await run("'ONLY' in os.environ")).text).toBe("False");
  });
}
