import { afterAll, describe, expect, test } from "vitest";
import { LocalInterpreter } from "./interpreter.ts";

/** Without IPython, as in most templates: what has it is tested beside this file. */
const interpreter = new LocalInterpreter({ PANDASTACK_CODE_SHELL: "plain" });
afterAll(() => interpreter.stop());

const run = interpreter.run.bind(interpreter);

describe("javascript and typescript", () => {
  test("variables stay and may be declared again; await and import work at the top", async () => {
    await run("const n = 1; let later = await new Promise((done) => setTimeout(() => done(4), 1))", { language: "js" });
    expect((await run("const n = 2; n + later", { language: "javascript" })).text).toBe("6");
    const { text, stdout } = await run(
      'import path, { join as j } from "node:path"\nimport * as os from "node:os";\nconsole.log(os.platform());\nj("a", path.basename("/b"))',
      { language: "js" },
    );
    expect(stdout).toBe("linux\n");
    expect(text).toBe("'a/b'");
    expect((await run('(await import("node:os")).platform()', { language: "js" })).text).toBe("'linux'");
  });

  test("types are taken off, enums work, and javascript sees the variables", async () => {
    const code = "enum E { A = 3 }\ninterface P { x: number }\nconst p: P = { x: E.A };\np.x as number";
    expect((await run(code, { language: "ts" })).text).toBe("3");
    expect((await run("p", { language: "js" })).results[0]).toMatchObject({ text: "{ x: 3 }", json: { x: 3 } });
  });

  test("errors have a name and their own frames only", async () => {
    const { error } = await run("function f() { throw new TypeError('no') }\nf()", { language: "js" });
    expect(error).toMatchObject({ name: "TypeError", value: "no" });
    expect(error!["traceback"]).toMatch(/^TypeError: no\n\s+at f \(cell-\d+\.js:1:\d+\)\n\s+at cell-\d+\.js:2:1$/);
    expect((await run("const = 3", { language: "js" })).error).toMatchObject({ name: "SyntaxError" });
    expect((await run("throw 5", { language: "js" })).error).toMatchObject({ value: "5" });
  });

  test("display shows by media type", async () => {
    const { results } = await run('display("<b>x</b>", "text/html"); null', { language: "js" });
    expect(results[0]).toMatchObject({ html: "<b>x</b>", is_main_result: false });
  });
});

describe("bash", () => {
  test("variables, functions and the folder stay; the exit code is the last command's", async () => {
    await run('A=1; f() { echo "f $1"; }; cd /tmp', { language: "bash" });
    const { stdout, end, error } = await run("echo $A; f x; pwd; cat; false", { language: "bash" });
    expect(stdout).toBe("1\nf x\n/tmp\n");
    expect(end).toMatchObject({ exit_code: 1 });
    expect(error).toMatchObject({ name: "ExitStatus", value: "1" });
    const quoted = await run('echo "$ONLY"; cat <<E\nhere $A\nE', { language: "bash", env: { ONLY: "it's" } });
    expect(quoted.stdout).toBe("it's\nhere 1\n");
    expect((await run('echo "<$ONLY>"', { language: "bash" })).stdout).toBe("<>\n");
    expect((await run('echo "unclosed', { language: "bash" })).end).toMatchObject({ exit_code: 2 });
  });
});

describe.each([
  {
    language: "python",
    keep: "kept = 1",
    busy: "while True: pass",
    wait: "import time; time.sleep(600)",
    show: "kept",
  },
  {
    language: "javascript",
    keep: "var kept = 1",
    busy: "while (true) {}",
    wait: "await new Promise(() => {})",
    show: "kept",
  },
  { language: "bash", keep: "kept=1", busy: "while true; do :; done", wait: "sleep 600; echo on", show: "echo $kept" },
])("$language", ({ language, keep, busy, wait, show }) => {
  const value = async (context?: unknown) => {
    const { text, stdout } = await run(show, context === undefined ? { language } : { context_id: context });
    return text ?? stdout.trim();
  };

  test.each(["busy", "wait"] as const)("a timeout (%s) leaves the context usable, with its variables", async (kind) => {
    await run(keep, { language });
    const { end, error } = await run(kind === "busy" ? busy : wait, { language, timeout_ms: 200 });
    expect(end).toMatchObject({ timed_out: true, exit_code: 124 });
    expect(error).toMatchObject({ name: "TimeoutError", value: "cell timeout after 0.2s" });
    expect(await value()).toBe("1");
  });

  test("a caller that goes away interrupts its code, and the next has its turn", async () => {
    await run(keep, { language });
    // At once: in a cell's first moment most of what can go wrong with an interrupt goes wrong.
    for (let time = 0; time < (language === "bash" ? 2 : 100); time++) {
      await interpreter.ask({ op: "run", language, code: wait }, ({ type }) => type === "number_of_executions");
      expect(await value()).toBe("1");
    }
  });

  test("a kernel that is killed is an error, and the context comes back without variables", async () => {
    const [made] = await interpreter.ask({ op: "create", language, env: { FOR_ALL: "1" } });
    const { id, pid } = made!["context"] as { id: string; pid: number };
    await run(keep, { context_id: id });
    const running = interpreter.ask({ op: "run", context_id: id, code: wait }, ({ type }) => {
      if (type === "number_of_executions") process.kill(pid, "SIGKILL");
      return false;
    });
    const error = (await running).find(({ type }) => type === "error");
    expect(error).toMatchObject({ name: "KernelDied", value: expect.stringContaining("SIGKILL") });
    expect(await value(id)).not.toBe("1");
    await interpreter.ask({ op: "delete", context_id: id });
    expect((await run(show, { context_id: id })).refused).toMatchObject({ code: "context_not_found" });
  });
});

describe("contexts", () => {
  test("are apart, have a folder of their own, and are restarted under their id", async () => {
    const [made] = await interpreter.ask({ op: "create", cwd: "/tmp" });
    const context = made!["context"] as { id: string; cwd: string };
    expect(context.cwd).toBe("/tmp");
    expect((await run("import os; apart = 1; os.getcwd()", { context_id: context.id })).text).toBe("'/tmp'");
    expect((await run("apart")).error).toMatchObject({ name: "NameError" });
    const [restarted] = await interpreter.ask({ op: "restart", context_id: context.id });
    expect(restarted!["context"]).toMatchObject({ id: context.id, executions: 0 });
    expect((await run("apart", { context_id: context.id })).error).toMatchObject({ name: "NameError" });
    const [listed] = await interpreter.ask({ op: "list" });
    expect((listed!["contexts"] as { id: string }[]).map(({ id }) => id)).toContain(context.id);
    await interpreter.ask({ op: "delete", context_id: context.id });
  });

  test("cells of one wait for each other, those of others do not", async () => {
    const [made] = await interpreter.ask({ op: "create" });
    const { id } = made!["context"] as { id: string };
    await run("import time, os; log = []");
    const slow = run("time.sleep(0.3); log.append('slow')");
    const next = run("log.append('next')");
    expect((await run("'other'", { context_id: id })).text).toBe("'other'");
    await Promise.all([slow, next]);
    expect((await run("log")).text).toBe("['slow', 'next']");
    await interpreter.ask({ op: "delete", context_id: id });
  });

  test("an interrupt ends what runs", async () => {
    const [made] = await interpreter.ask({ op: "create" });
    const { id } = made!["context"] as { id: string };
    let told: Promise<unknown> | undefined;
    const messages = await interpreter.ask(
      { op: "run", context_id: id, code: "import time\nprint('go', flush=True)\ntime.sleep(600)" },
      ({ type }) => {
        if (type === "stdout") told = interpreter.ask({ op: "interrupt", context_id: id });
        return false;
      },
    );
    await told;
    expect(messages.find(({ type }) => type === "error")).toMatchObject({ name: "KeyboardInterrupt" });
    await interpreter.ask({ op: "delete", context_id: id });
  });

  test("refuse what is not there", async () => {
    expect((await run("1", { language: "cobol" })).refused).toMatchObject({ code: "unknown_language" });
    expect((await run("1", { context_id: "none" })).refused).toMatchObject({ code: "context_not_found" });
    expect((await interpreter.ask({ op: "create", cwd: "/none" }))[0]).toMatchObject({ code: "cwd_not_found" });
    expect((await interpreter.ask({ op: "create", user: "nobody-here" }))[0]).toMatchObject({ code: "user_not_found" });
    expect(await interpreter.ask({ op: "list", token: "wrong" })).toEqual([]);
  });

  test("at most 64 cells wait in one, and a sandbox has at most 32", async () => {
    const [made] = await interpreter.ask({ op: "create", language: "bash" });
    const { id } = made!["context"] as { id: string };
    const long = interpreter.ask({ op: "run", context_id: id, code: "sleep 600" });
    const busy = async () => {
      const [listed] = await interpreter.ask({ op: "list" });
      return (listed!["contexts"] as { id: string; busy: boolean }[]).find((context) => context.id === id)?.busy;
    };
    await expect.poll(busy, { timeout: 10_000 }).toBe(true);
    const more = Array.from({ length: 65 }, () => run("echo turn", { context_id: id }));
    expect((await Promise.race(more)).refused).toMatchObject({ code: "context_busy" });
    await interpreter.ask({ op: "interrupt", context_id: id });
    const outcomes = await Promise.all(more);
    expect(outcomes.filter(({ stdout }) => stdout === "turn\n").length).toBe(64);
    await long;
    await interpreter.ask({ op: "delete", context_id: id });

    const ids: string[] = [];
    let refused: unknown;
    while (refused === undefined && ids.length <= 32) {
      const [answer] = await interpreter.ask({ op: "create", language: "bash" });
      if (answer!.type === "refused") refused = answer!["code"];
      else ids.push((answer!["context"] as { id: string }).id);
    }
    expect(refused).toBe("too_many_contexts");
    const [listed] = await interpreter.ask({ op: "list" });
    expect((listed!["contexts"] as unknown[]).length).toBe(32);
    for (const one of ids) await interpreter.ask({ op: "delete", context_id: one });
  });

  test("output that nobody reads fast enough holds the code back, and nothing is lost", async () => {
    const { stdout } = await run("for i in range(40000): print('x' * 50)");
    expect(stdout.length).toBe(40_000 * 51);
  });

  test("a sandbox's environment, told once, is that of kernels that run already", async () => {
    await run("import os");
    await interpreter.ask({ op: "list", base_env: { PATH: process.env["PATH"], GIVEN: "new" } });
    expect((await run("os.environ['GIVEN']")).text).toBe("'new'");
    expect((await run("process.env.GIVEN", { language: "js" })).text).toBe("'new'");
    expect((await run("echo $GIVEN", { language: "bash" })).stdout).toBe("new\n");
  });

  test("what a sandbox was given may be told alone; what it was not given any more is gone, and nothing else", async () => {
    const path = "os.environ.get('PATH'), os.environ.get('ONLY_HERE'), os.environ.get('LATER')";
    await run("import os");
    const seen = async (given: Record<string, string>) => {
      await interpreter.ask({ op: "list", given_env: given });
      return (await run(`[v if v is None or len(v) < 9 else 'long' for v in (${path})]`)).text;
    };
    expect(await seen({ ONLY_HERE: "1" })).toBe("['long', '1', None]");
    expect(await seen({ LATER: "2" })).toBe("['long', None, '2']");
  });
});

describe("connections", () => {
  test("carry one cell after the other, also after one that failed, was refused or ran out of time", async () => {
    const answers = await interpreter.askOverOne([
      { op: "run", code: "1/0" },
      { op: "run", code: "1", language: "cobol" },
      { op: "run", code: "while True: pass", timeout_ms: 100 },
      { op: "run", code: "6 * 7" },
    ]);
    expect(answers).toHaveLength(4);
    expect(answers[3]!.find(({ type }) => type === "result")).toMatchObject({ text: "42" });
    for (const answer of answers) expect(answer.at(-1)).toMatchObject({ type: "end", open: true });
  });

  test("a request that came before is not done again", async () => {
    const id = "the-same";
    const [, first, again] = await interpreter.askOverOne([
      { op: "run", code: "n = 0" },
      { op: "run", id, code: "n += 1" },
      { op: "run", id, code: "n += 1" },
    ]);
    expect(first!.some(({ type }) => type === "refused")).toBe(false);
    expect(again![0]).toMatchObject({ type: "refused", code: "asked_before" });
    expect((await run("n")).text).toBe("1");
  });
});

describe("an interpreter that a template brings along", () => {
  const own = new LocalInterpreter({ PANDASTACK_CODE_SHELL: "plain" });
  afterAll(() => own.stop());

  test("has its modules loaded before the first cell, and no token", async () => {
    const { exitCode, said, files } = await own.warm("wave", "csv");
    expect(said).toBe("");
    expect(exitCode).toBe(0);
    expect(files).toContain("warm");
    expect(files).not.toContain("token");
    expect(await own.ask({ op: "list" })).toEqual([]);
    own.giveToken();
    const { text, messages } = await own.run("import sys; 'wave' in sys.modules");
    expect(text).toBe("True");
    expect(messages[0]).toMatchObject({ execution_count: 1 });
  });

  test("that cannot load them says so", async () => {
    const { exitCode, said } = await own.warm("not_there");
    expect(exitCode).toBe(1);
    expect(said).toContain("cannot be imported: not_there");
  });
});
