import { execFile } from "node:child_process";
import { createServer, request as httpRequest } from "node:http";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as published from "pandastack-published";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type FakeServer, startFakeServer } from "./support/fake-server.ts";

/** Nothing of the client that is on npm is left out: what it has is looked up in it, not listed here. */
const { AppsAPI, Client, CodeContext, DatabasesAPI, FunctionsAPI, PandaStackError, Sandbox, SchedulesAPI } = published;

let server: FakeServer;
let client: published.default;
beforeAll(async () => {
  server = await startFakeServer();
  client = new Client({ apiUrl: server.url, apiKey: server.token });
});
afterAll(() => server.stop());

type Class = { readonly prototype: object };
const isPublic = (name: string) => name !== "constructor" && !name.startsWith("_");
const methodsOf = (prototype: object): string[] =>
  Object.getOwnPropertyNames(prototype).filter(
    (name) => isPublic(name) && typeof Object.getOwnPropertyDescriptor(prototype, name)?.value === "function",
  );

describe("what this server has", () => {
  const REPOSITORY = join(import.meta.dirname, "../../..");
  const folders = ["packages/control-plane/tests", "tests/e2e"].map((folder) => join(REPOSITORY, folder));
  const texts = folders
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => path.endsWith(".test.ts"))
    .map((path) => readFileSync(path, "utf8"))
    .filter((text) => text.includes("pandastack-published"))
    .join("\n");

  test("is called by a test, method by method", () => {
    const sandbox = Sandbox.fromInfo({ id: "x", template: "base", cpu: 1, memory_mb: 1, status: "running" }, client);
    const parts: Record<string, object> = {
      client: Client.prototype,
      sandboxes: client.sandboxes,
      templates: client.templates,
      tokens: client.tokens,
      volumes: client.volumes,
      snapshots: client.snapshots,
      sandbox: Sandbox.prototype,
      filesystem: sandbox.filesystem,
      commands: sandbox.commands,
      context: CodeContext.prototype,
    };
    const missing = Object.entries(parts).flatMap(([part, object]) => {
      const prototype = Object.hasOwn(object, "constructor") ? object : (Object.getPrototypeOf(object) as object);
      const named = part === "client" || part === "context" || part === "sandbox" ? `\\w+` : part;
      return methodsOf(prototype)
        .filter((name) => !new RegExp(`\\b${named}!?\\)?\\.${name}\\(`).test(texts))
        .map((name) => `${part}.${name}`);
    });
    expect(missing, "no test calls them: give each a case beside the others of the published client").toEqual([]);
  });
});

/** Products that this server has not. */
const others: Record<string, Class> = {
  apps: AppsAPI,
  databases: DatabasesAPI,
  functions: FunctionsAPI,
  schedules: SchedulesAPI,
};

describe("what this server has not", () => {
  const every = Object.entries(others).flatMap(([product, api]) =>
    methodsOf(api.prototype).map((method) => [product, method] as const),
  );

  test.each(every)("%s.%s is said to be none, at once", async (product, method) => {
    const api = new (others[product] as new (client: unknown) => Record<string, (...given: unknown[]) => unknown>)(
      client,
    );
    const call = async (): Promise<unknown> => {
      // One takes all of it at once.
      const first = `${product}.${method}` === "functions.deploy" ? { name: "x", runtime: "python", code: "x" } : "x";
      const answer = api[method]!(first, "x", "x", "x");
      return Symbol.asyncIterator in Object(answer) ? (answer as AsyncGenerator).next() : answer;
    };
    const failure = await call().then(
      (answer) => expect.fail(`it answered ${JSON.stringify(answer)}`),
      (error: unknown) => error as Error & { statusCode?: number },
    );
    // Two of them make an error of their own, with the status in its text.
    const status = failure.statusCode ?? Number(/\b(\d{3})\b/.exec(failure.message)?.[1]);
    expect([404, 501], failure.message).toContain(status);
    if (failure instanceof PandaStackError) expect(failure.message).toMatch(/no such route/);
  });

  const run = promisify(execFile);
  test.each(["app list", "database list", "function list", "schedule list", "app get x", "database wake x"])(
    "its command line: %s",
    async (line) => {
      const cli = join(import.meta.dirname, "../../../node_modules/pandastack-published/dist/cli.js");
      const env = { ...process.env, PANDASTACK_API: server.url, PANDASTACK_API_KEY: server.token };
      const failure = await run(process.execPath, [cli, ...line.split(" ")], { env, timeout: 15_000 }).then(
        ({ stdout }) => expect.fail(`it printed ${stdout}`),
        (error: { code: number; stderr: string }) => error,
      );
      expect(failure).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: no such route/) });
    },
  );
});

test("trap 15: behind a path, that some of its calls keep and streams drop", async () => {
  const target = new URL(server.url);
  const proxy = createServer((incoming, outgoing) => {
    const { method, headers } = incoming;
    const path = (incoming.url ?? "").replace(/^\/pre\//, "/");
    const forwarded = httpRequest({ host: target.hostname, port: target.port, path, method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void proxy.close());
  const { port } = proxy.address() as { port: number };
  const behind = new Client({ apiUrl: `http://127.0.0.1:${port}/pre`, apiKey: server.token });
  await using sandbox = await Sandbox.create({}, behind);
  expect(await sandbox.exec("echo whole")).toMatchObject({ stdout: "whole\n" });
  const chunks: string[] = [];
  expect(await sandbox.execStream("echo streamed", { onStdout: (chunk) => chunks.push(chunk) })).toBe(0);
  expect(chunks.join("")).toBe("streamed\n");
});

describe("templates", () => {
  test("built from a Dockerfile with files, watched, waited for, used, deleted", async () => {
    const { templates } = client;
    const begun = await templates.buildFromDockerfile({
      name: "published",
      dockerfile: "FROM base\nCOPY given.txt /root/given.txt\nRUN echo event: done; echo end; cat /root/given.txt\n",
      context: { "given.txt": "from the context\n" },
    });
    onTestFinished(() => server.api("DELETE", "/v1/templates/published").then(() => undefined));
    expect(begun).toMatchObject({ id: expect.stringMatching(/^tb_/), name: "published" });
    const lines: string[] = [];
    for await (const line of templates.buildLogs(begun.id)) lines.push(line);
    // Trap 9: what a build prints ends nothing.
    expect(lines.join("\n")).toMatch(/event: done[\s\S]*end[\s\S]*from the context/);
    const built = await templates.waitForBuild(begun.id, { intervalMs: 50, timeoutMs: 60_000 });
    expect(built).toMatchObject({ status: "done", ended_at: expect.any(String) });
    expect(await templates.buildStatus(begun.id)).toMatchObject({ status: "done" });
    expect((await templates.builds()).map(({ id }) => id)).toContain(begun.id);
    expect((await templates.list()).map(({ name }) => name)).toContain("published");
    expect(await templates.get("published")).toMatchObject({ name: "published", is_global: false });
    {
      await using sandbox = await Sandbox.create({ template: "published" }, client);
      expect((await sandbox.exec("cat /root/given.txt")).stdout).toBe("from the context\n");
    }
    await templates.delete("published");
    await expect(templates.get("published")).rejects.toBeInstanceOf(published.NotFoundError);
  });

  test("a build that fails says so by its own class", async () => {
    const begun = await client.templates.buildFromDockerfile({
      name: "failing",
      dockerfile: "FROM base\nRUN exit 3\n",
    });
    const failure = await client.templates.waitForBuild(begun.id, { intervalMs: 50 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(published.TemplateBuildError);
    expect((failure as Error).message).toMatch(/exit|3/);
  });

  test("from what is no disk and no image: refused, or a build that fails", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pandastack-published-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const rootfs = join(folder, "rootfs");
    writeFileSync(rootfs, "no file system");
    const { templates } = client;
    for (const begin of [
      () => templates.build({ name: "garbage", rootfs }),
      () => templates.register({ name: "garbage", imageRef: "no image at all!" }),
    ]) {
      const failure = await begin()
        .then((begun) => templates.waitForBuild(begun.id, { intervalMs: 50, timeoutMs: 60_000 }))
        .then(
          (built) => expect.fail(`it was built: ${JSON.stringify(built)}`),
          (error: unknown) => error as Error & { statusCode?: number },
        );
      if (failure instanceof published.TemplateBuildError) continue;
      expect(failure).toBeInstanceOf(PandaStackError);
      expect([400, 422, 501]).toContain(failure.statusCode);
    }
  });
});
