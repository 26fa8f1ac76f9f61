import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { waitFor } from "@pandastack/platform";
import { BuildWorld } from "./support/build-world.ts";

/** Some build several times; each waits for its machine to come to rest. */
vi.setConfig({ testTimeout: 180_000 });

const world = new BuildWorld();
const { api, post, ended, build, log, run, leftBuilders } = world;
beforeAll(() => world.open());
afterAll(() => world.close());

describe("a template of one's own", () => {
  const dockerfile = [
    "FROM base",
    "ARG WHO=nobody",
    "ENV GREETING=hello",
    "WORKDIR /srv/app",
    "RUN echo $GREETING $WHO > greeting",
    "COPY src/ ./src/",
    "RUN <<EOF",
    "cat src/deep/one > both; echo and >> both",
    "EOF",
  ].join("\n");
  const files = { "src/deep/one": "first\n", "src/two": "second\n" };

  test("is built step by step, and sandboxes start with what is in it", async () => {
    const made = await build({ name: "mine", dockerfile, files });
    expect(made, JSON.stringify(await log(made.id))).toMatchObject({ status: "done", steps: 6, cached_steps: 0 });
    expect(await run("mine", "cat /srv/app/greeting /srv/app/both /srv/app/src/two; echo $GREETING")).toBe(
      "hello nobody\nfirst\nand\nsecond\nhello\n",
    );
    expect((await api("GET", "/v1/templates/mine")).body).toMatchObject({
      name: "mine",
      is_global: false,
      workspace: "default",
      category: "custom",
      base: "base",
      status: "ready",
    });
    expect(await leftBuilders()).toEqual([]);
    expect((await api("GET", "/v1/snapshots")).body.snapshots, "steps' results are nobody's snapshots").toEqual([]);
  });

  test("the same again is the earlier build; another one needs `replace`, and does only what is new", async () => {
    const before = (await api("GET", "/v1/templates/builds")).body[0];
    expect(await post({ name: "mine", dockerfile, files })).toMatchObject({ status: 200, body: { id: before.id } });
    const longer = `${dockerfile}\nRUN echo more > /srv/app/more`;
    expect(await post({ name: "mine", dockerfile: longer, files })).toMatchObject({
      status: 409,
      body: { code: "template.exists" },
    });
    const replaced = await build({ name: "mine", dockerfile: longer, files, replace: true });
    expect(replaced).toMatchObject({ status: "done", cached_steps: 6 });
    expect((await log(replaced.id)).filter((line) => line.endsWith("(cached)"))).toHaveLength(3);
    expect(await run("mine", "cat /srv/app/more /srv/app/greeting")).toBe("more\nhello nobody\n");
    const copied = await build({ name: "copied", dockerfile: "FROM mine\nRUN echo on top > /top" });
    expect(copied.status).toBe("done");
    expect(await run("copied", "cat /top /srv/app/more; echo $GREETING")).toBe("on top\nmore\nhello\n");
  });

  test("with a program that runs from the first moment", async () => {
    const recipe = {
      steps: [{ run: "mkdir -p /data" }, { workdir: "/data" }],
      start: "echo begun > /data/begun; sleep 1000000",
      ready: "test -e /data/begun",
    };
    expect(await build({ name: "running", recipe })).toMatchObject({ status: "done" });
    const { id } = (await api("POST", "/v1/sandboxes", { template: "running" })).body;
    const { processes } = (await api("GET", `/v1/sandboxes/${id}/processes`)).body;
    expect(processes.map((one: { tag: string; running: boolean }) => [one.tag, one.running])).toContainEqual([
      "template-start",
      true,
    ]);
    await api("DELETE", `/v1/sandboxes/${id}`);
  });

  test("is deleted; its name is free, and everyone's cannot be deleted", async () => {
    expect((await api("DELETE", "/v1/templates/copied")).status).toBe(204);
    expect((await api("DELETE", "/v1/templates/copied")).status).toBe(404);
    expect((await api("POST", "/v1/sandboxes", { template: "copied" })).status).toBe(400);
    expect(await api("DELETE", "/v1/templates/base")).toMatchObject({
      status: 403,
      body: { code: "template.forbidden" },
    });
  });
});

describe("what cannot be built says which step, and leaves nothing", () => {
  test.each([
    [
      "a file that is not there",
      "FROM base\nCOPY none /",
      400,
      /step 1 \(COPY none \/\): none is not in the build context/,
    ],
    [
      "a way out of the context",
      "FROM base\nRUN true\nCOPY ../../etc/passwd /",
      400,
      /step 2 .*leads out of the build context/,
    ],
    [
      "no such template, nor an image",
      "FROM nosuch:1",
      400,
      /there is no template "nosuch:1".* As an image: 10\.0\.0\.1\/mirror\/nosuch:1: https:\/\/10\.0\.0\.1 is not asked/,
    ],
    ["nothing at all", "FROM scratch\nCOPY app /", 400, /a sandbox needs \/bin\/sh, and scratch has nothing/],
    ["files of no stage", "FROM base\nCOPY --from=nosuch /x /y", 400, /there is no template "nosuch"/],
    ["no FROM", "RUN true", 400, /line 1: the first instruction is FROM/],
    ["an unknown instruction", "FROM base\nFETCH it", 400, /line 2: FETCH/],
  ])("%s", async (_, dockerfile, status, error) => {
    const reply = await post({ name: "bad", dockerfile });
    expect(reply).toMatchObject({ status });
    expect(reply.body.error).toMatch(error);
    expect((await api("GET", "/v1/templates/bad")).status).toBe(404);
  });

  test("a context's file whose path leads out of it", async () => {
    const reply = await post({ name: "bad", dockerfile: "FROM base", files: { "../../etc/passwd": "x" } });
    expect(reply).toMatchObject({ status: 400, body: { error: expect.stringContaining("leads out of the context") } });
  });

  test("a step that fails, with its output in the log", async () => {
    const failed = await build({ name: "bad", dockerfile: "FROM base\nRUN true\nRUN echo so far; exit 3" });
    expect(failed).toMatchObject({ status: "failed", step: 2 });
    expect(failed.error).toBe("step 2/2 (RUN echo so far; exit 3): it ended with exit code 3");
    expect(await log(failed.id)).toEqual(expect.arrayContaining(["so far", `failed: ${failed.error}`]));
    expect(await leftBuilders()).toEqual([]);
  });

  test("a step that never ends", async () => {
    const recipe = { steps: [{ run: "sleep 1000000", timeout_seconds: 1 }] };
    const failed = await build({ name: "bad", recipe });
    expect(failed).toMatchObject({ status: "failed", error: "step 1/1 (RUN sleep 1000000): it took longer than 1 s" });
    expect(await leftBuilders()).toEqual([]);
  });

  test("a program that is never ready", async () => {
    const recipe = { steps: [], start: "sleep 1000000", ready: "echo not yet; false", ready_timeout_seconds: 1 };
    const failed = await build({ name: "bad", recipe });
    expect(failed.error).toMatch(/the ready check still ended with 1 after 1 s: not yet/);
    expect((await api("GET", "/v1/templates/bad")).status).toBe(404);
  });

  test("a program that ends at once", async () => {
    const failed = await build({
      name: "bad",
      recipe: { start: "echo I cannot >&2; exit 4", ready: "sleep 1; false" },
    });
    expect(failed.error).toMatch(/the start command ended with 4: I cannot/);
  });
});

describe("a server that stops in the middle of a build", () => {
  test("has no builder left, says so, and does not do again what was done", async () => {
    const recipe = { steps: [{ run: "echo once > /once" }, { run: "sleep 1000000" }] };
    const begun = await post({ name: "cut", recipe });
    await waitFor(async () => (await api("GET", `/v1/templates/builds/${begun.body.id}`)).body.step === 2, {
      timeoutMs: 60_000,
      message: "it does not come to its second step",
    });
    await world.server.controlPlane.stop();
    await world.start();
    expect(await ended(begun.body.id)).toMatchObject({ status: "failed" });
    await waitFor(async () => (await leftBuilders()).length === 0, { timeoutMs: 60_000, message: "a builder is left" });
    const again = { steps: [{ run: "echo once > /once" }, { run: "true" }] };
    expect(await build({ name: "cut", recipe: again })).toMatchObject({ status: "done", cached_steps: 1 });
  });
});

test("the catalogue lists what is there and what could be", async () => {
  const templates = (await api("GET", "/v1/templates")).body;
  expect(templates.find((one: { name: string }) => one.name === "base")).toMatchObject({
    is_global: true,
    status: "ready",
    label: "Base",
    tools: expect.arrayContaining(["node", "python3"]),
  });
});
