import { type Sandbox, TimeoutError } from "@pandastack/sdk";
import { Client, Sandbox as PublishedSandbox, SandboxTimeout } from "pandastack-published";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { api, panda, removeAfterTest, run, server } from "./support/api.ts";

/** Code with state, in a template that knows nothing of it. What kernels can do is tested beside the control plane; here is what sandboxes do to them. */
describe.skipIf(server.isFake)("code in a sandbox", () => {
  let sandbox: Sandbox;

  beforeAll(async () => {
    sandbox = await panda.sandboxes.create({ env: { GIVEN: "parent" } });
  });
  afterAll(async () => {
    await sandbox.kill();
  });

  it("keeps variables, streams output, and says what the last expression is", async () => {
    await sandbox.runCode("x = 20");
    const heard: string[] = [];
    const execution = await sandbox.code.run(
      "import os\nfor i in range(3): print(i)\nprint(os.environ['GIVEN'])\nx + 1",
      {
        onStdout: (text) => heard.push(text),
      },
    );
    expect(execution).toMatchObject({ text: "21", stdout: "0\n1\n2\nparent\n", exitCode: 0, executionCount: 2 });
    expect(execution.error).toBeUndefined();
    expect(heard.join("")).toBe("0\n1\n2\nparent\n");
    expect((await sandbox.runCode("1/0")).error).toMatchObject({ name: "ZeroDivisionError" });
  });

  it("runs every language", async () => {
    expect((await sandbox.runCode("const a: number = 41; a + 1", { language: "typescript" })).text).toBe("42");
    expect((await sandbox.runCode("a", { language: "javascript" })).text).toBe("41");
    expect((await sandbox.runCode("b=2; echo $b", { language: "bash" })).stdout).toBe("2\n");
    await expect(sandbox.runCode("1", { language: "cobol" })).rejects.toMatchObject({ code: "validation.failed" });
  });

  it("interrupts what runs into its time limit, or whose caller has gone, and goes on", async () => {
    await expect(sandbox.runCode("while True: pass", { timeoutMs: 300 })).rejects.toBeInstanceOf(TimeoutError);
    for await (const event of sandbox.code.stream("import time\nprint('go')\ntime.sleep(600)"))
      if (event.type === "stdout") break;
    expect((await sandbox.runCode("x")).text).toBe("20");
  });

  it("a kernel that was killed, and an interpreter that was, come back", async () => {
    const context = await sandbox.code.createContext({ cwd: "/tmp" });
    const killed = await context.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)");
    expect(killed.error).toMatchObject({ name: "KernelDied" });
    expect((await context.run("os.getcwd()")).error).toMatchObject({ name: "NameError" });
    expect((await context.run("import os; os.getcwd()")).text).toBe("'/tmp'");
    await context.delete();
    await expect(context.run("1")).rejects.toMatchObject({ code: "code.context_not_found" });

    const other = await panda.sandboxes.create();
    removeAfterTest(other.id);
    await other.runCode("y = 1");
    await run(
      other.id,
      `kill -9 $(python3 -c 'import json; print(json.load(open("/run/pandastack/code/address"))["pid"])')`,
    );
    expect((await other.runCode("6 * 7")).text).toBe("42");
  });

  it("a fork has the sessions with their variables, under their ids, and an environment of its own", async () => {
    const context = await sandbox.code.createContext({ language: "javascript" });
    await context.run("const own = { deep: [1] }");
    const child = await sandbox.fork({ env: { GIVEN: "child" } });
    removeAfterTest(child.id);
    expect((await child.runCode("x")).text).toBe("20");
    expect((await child.runCode("own.deep", { context: context.id })).results[0]?.json).toEqual([1]);
    expect((await child.runCode("os.environ['GIVEN']")).text).toBe("'child'");
    await child.runCode("x = 0");
    expect((await sandbox.runCode("x, os.environ['GIVEN']")).text).toBe("(20, 'parent')");
    const ids = async (of: Sandbox) => (await of.code.listContexts().toArray()).map(({ id }) => id);
    expect(await ids(child)).toEqual(await ids(sandbox));
  });

  it("survives hibernation; a snapshot's first cell needs no start", async () => {
    await sandbox.hibernate();
    expect((await sandbox.runCode("x")).text).toBe("20");
    const snapshot = await sandbox.snapshots.create();
    const copies = await Promise.all([1, 2].map(() => panda.sandboxes.create({ fromSnapshot: snapshot.id })));
    for (const copy of copies) removeAfterTest(copy.id);
    for (const copy of copies) expect((await copy.runCode("x + 1")).text).toBe("21");
    await panda.snapshots.delete(snapshot.id);
  });

  it("falls asleep after its last cell", async () => {
    const idle = await panda.sandboxes.create();
    removeAfterTest(idle.id);
    await idle.runCode("x = 1");
    const json = { on_idle: "hibernate", idle_timeout_seconds: 2 };
    expect((await api("PATCH", `/v1/sandboxes/${idle.id}/lifecycle`, { json })).status).toBe(200);
    await expect
      .poll(async () => (await api("GET", `/v1/sandboxes/${idle.id}`)).json.status, { timeout: 30_000 })
      .toBe("hibernated");
    expect((await idle.runCode("x")).text).toBe("1");
  });

  it("copies of a kernel that has run nothing yet draw different numbers", async () => {
    const first = await panda.sandboxes.create();
    removeAfterTest(first.id);
    const { id } = await first.code.createContext();
    const snapshot = await first.snapshots.create();
    const copies = await Promise.all([1, 2].map(() => panda.sandboxes.create({ fromSnapshot: snapshot.id })));
    for (const copy of copies) removeAfterTest(copy.id);
    const [one, two] = await Promise.all(
      copies.map((copy) => copy.runCode("import random; random.random()", { context: id })),
    );
    expect(one!.text).toMatch(/^0\.\d+/);
    expect(one!.text).not.toBe(two!.text);
    await panda.snapshots.delete(snapshot.id);
  });

  it("is not among the sandbox's ports, and nobody but root may use it", async () => {
    const { json } = await api("GET", `/v1/sandboxes/${sandbox.id}/ports`);
    expect(json).toEqual([]);
    const read = await sandbox.commands.run("cat /run/pandastack/code/address", { user: "user" });
    expect(read.exitCode).not.toBe(0);
  });

  it("a sandbox without Python says so", async () => {
    const bare = await panda.sandboxes.create();
    removeAfterTest(bare.id);
    await run(bare.id, "rm -f /usr/bin/python3 /usr/local/bin/python3");
    await expect(bare.runCode("1")).rejects.toMatchObject({ code: "code.unavailable" });
  });

  it("the published client runs cells in contexts", async () => {
    const published = await PublishedSandbox.get(sandbox.id, new Client({ apiUrl: server.url, apiKey: server.token }));
    const context = await published.createCodeContext("py");
    await context.runCode("z = 6");
    expect(await context.runCode("print('out')\n{'z': z * 7}")).toMatchObject({
      stdout: "out\n",
      exit_code: 0,
      text: "{'z': 42}",
      results: [{ json: { z: 42 } }],
    });
    expect(await context.runCode("1/0")).toMatchObject({
      exit_code: 1,
      error: "ZeroDivisionError: division by zero",
      stderr: expect.stringContaining("Traceback"),
    });
    await expect(context.runCode("while True: pass", { timeoutSeconds: 0.3 })).rejects.toBeInstanceOf(SandboxTimeout);
    expect((await context.runCode("z")).text).toBe("6");
    await context.close();
  });
});
