import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { waitFor } from "@pandastack/platform";
import { createTestDatabase } from "./support/database.ts";
import { FakeHostAgent } from "./support/fake-host.ts";
import { ADMIN_TOKEN, type Json, startControlPlane } from "./support/server.ts";

/** Some build several times; each waits for its machine to come to rest. */
vi.setConfig({ testTimeout: 180_000 });

/** Real host agent, fake runtime: its shell and files are made up, what becomes of them is not. */
let agent: FakeHostAgent;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let server: Awaited<ReturnType<typeof startControlPlane>>;

const start = async () => {
  server = await startControlPlane({ databaseUrl: database.url, hostSocket: agent.socketPath });
  await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, {
    timeoutMs: 60_000,
    message: "not ready",
  });
};
beforeAll(async () => {
  agent = new FakeHostAgent();
  await agent.start();
  database = await createTestDatabase();
  await start();
});
afterAll(async () => {
  await server.controlPlane.stop();
  await agent.remove();
  await database.drop();
});

interface Given {
  name: string;
  dockerfile?: string;
  recipe?: unknown;
  files?: Record<string, string>;
  replace?: boolean;
}

async function post({ name, dockerfile, recipe, files = {}, replace }: Given) {
  const form = new FormData();
  form.set("name", name);
  if (dockerfile !== undefined) form.set("dockerfile", dockerfile);
  if (recipe !== undefined) form.set("recipe", JSON.stringify(recipe));
  if (replace) form.set("replace", "true");
  for (const [path, text] of Object.entries(files)) form.set(path, new Blob([text]), path.split("/").at(-1));
  const reply = await fetch(`${server.url}/v1/templates/build`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: form,
  });
  return { status: reply.status, body: (await reply.json()) as Json };
}

async function ended(id: string) {
  let build = (await server.api("GET", `/v1/templates/builds/${id}`)).body;
  await waitFor(
    async () => {
      build = (await server.api("GET", `/v1/templates/builds/${id}`)).body;
      return build.status === "done" || build.status === "failed";
    },
    { timeoutMs: 60_000, message: `build ${id} does not end` },
  );
  return build;
}

async function build(given: Given) {
  const begun = await post(given);
  expect(begun.status, JSON.stringify(begun.body)).toBe(202);
  return ended(begun.body.id);
}

const log = async (id: string): Promise<string[]> => {
  const reply = await fetch(`${server.url}/v1/templates/builds/${id}/logs?follow=1`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const frames = (await reply.text()).split("\n\n");
  expect(frames.at(-2)).toBe("event: done\ndata: end");
  return frames.filter((frame) => frame.startsWith("data: {")).map((frame) => JSON.parse(frame.slice(6)).line);
};

const run = async (template: string, cmd: string): Promise<string> => {
  const created = await server.api("POST", "/v1/sandboxes", { template });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { body } = await server.api("POST", `/v1/sandboxes/${created.body.id}/exec`, { cmd });
  await server.api("DELETE", `/v1/sandboxes/${created.body.id}`);
  return body.stdout;
};
const leftBuilders = async () =>
  (await server.api("GET", "/v1/sandboxes")).body.filter(
    (one: { metadata: Record<string, string> }) => one.metadata["template_build"] !== undefined,
  );

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
    expect((await server.api("GET", "/v1/templates/mine")).body).toMatchObject({
      name: "mine",
      is_global: false,
      workspace: "default",
      category: "custom",
      base: "base",
      status: "ready",
    });
    expect(await leftBuilders()).toEqual([]);
    expect((await server.api("GET", "/v1/snapshots")).body.snapshots, "steps' results are nobody's snapshots").toEqual(
      [],
    );
  });

  test("the same again is the earlier build; another one needs `replace`, and does only what is new", async () => {
    const before = (await server.api("GET", "/v1/templates/builds")).body[0];
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
    const { id } = (await server.api("POST", "/v1/sandboxes", { template: "running" })).body;
    const { processes } = (await server.api("GET", `/v1/sandboxes/${id}/processes`)).body;
    expect(processes.map((one: { tag: string; running: boolean }) => [one.tag, one.running])).toContainEqual([
      "template-start",
      true,
    ]);
    await server.api("DELETE", `/v1/sandboxes/${id}`);
  });

  test("is deleted; its name is free, and everyone's cannot be deleted", async () => {
    expect((await server.api("DELETE", "/v1/templates/copied")).status).toBe(204);
    expect((await server.api("DELETE", "/v1/templates/copied")).status).toBe(404);
    expect((await server.api("POST", "/v1/sandboxes", { template: "copied" })).status).toBe(400);
    expect(await server.api("DELETE", "/v1/templates/base")).toMatchObject({
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
    ["no such template", "FROM nosuch:1", 400, /there is no template "nosuch:1"/],
    ["another stage's files", "FROM base AS a\nFROM base\nCOPY --from=a /x /y", 400, /line 3: COPY --from/],
    ["no FROM", "RUN true", 400, /line 1: the first instruction is FROM/],
    ["an unknown instruction", "FROM base\nFETCH it", 400, /line 2: FETCH/],
  ])("%s", async (_, dockerfile, status, error) => {
    const reply = await post({ name: "bad", dockerfile });
    expect(reply).toMatchObject({ status });
    expect(reply.body.error).toMatch(error);
    expect((await server.api("GET", "/v1/templates/bad")).status).toBe(404);
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
    expect((await server.api("GET", "/v1/templates/bad")).status).toBe(404);
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
    await waitFor(async () => (await server.api("GET", `/v1/templates/builds/${begun.body.id}`)).body.step === 2, {
      timeoutMs: 60_000,
      message: "it does not come to its second step",
    });
    await server.controlPlane.stop();
    await start();
    expect(await ended(begun.body.id)).toMatchObject({ status: "failed" });
    await waitFor(async () => (await leftBuilders()).length === 0, { timeoutMs: 60_000, message: "a builder is left" });
    const again = { steps: [{ run: "echo once > /once" }, { run: "true" }] };
    expect(await build({ name: "cut", recipe: again })).toMatchObject({ status: "done", cached_steps: 1 });
  });
});

test("the catalogue lists what is there and what could be", async () => {
  const templates = (await server.api("GET", "/v1/templates")).body;
  expect(templates.find((one: { name: string }) => one.name === "base")).toMatchObject({
    is_global: true,
    status: "ready",
    label: "Base",
    tools: expect.arrayContaining(["node", "python3"]),
  });
});
