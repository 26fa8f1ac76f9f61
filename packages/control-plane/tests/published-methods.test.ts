import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AppsAPI,
  BadRequestError,
  Client,
  DatabasesAPI,
  FunctionsAPI,
  NetworkError,
  NotFoundError,
  PandaStackError,
  Sandbox,
  SchedulesAPI,
  ServerError,
  VolumesAPI,
} from "pandastack-published";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startFakeServer, type FakeServer } from "./support/fake-server.ts";

/** Every method of the client that is on npm, where nothing else calls it, and the traps in what it sends and reads. */
let server: FakeServer;
let client: Client;
beforeAll(async () => {
  server = await startFakeServer();
  client = new Client({ apiUrl: server.url, apiKey: server.token });
});
afterAll(() => server.stop());

async function newSandbox(options: Record<string, unknown> = {}): Promise<Sandbox> {
  const sandbox = await client.sandboxes.create(options);
  onTestFinished(() => server.api("DELETE", `/v1/sandboxes/${sandbox.id}`).then(() => undefined));
  return sandbox;
}

describe("methods of the published client", () => {
  test("configuration: a path below /v1, one address with it and one without, and any call by name", async () => {
    for (const apiUrl of [server.url, `${server.url}/`, `${server.url}/v1`])
      expect(await new Client({ apiUrl, apiKey: server.token }).me()).toMatchObject({
        auth_method: "token",
        current_org: null,
        orgs: [],
      });
    expect(await client.request("GET", "/sandboxes")).toBeInstanceOf(Array);
    expect(await client.request("GET", "/openapi.json", { parseAs: "text" })).toContain("3.1.0");
  });

  test("sandboxes: the namespace, the class, and a block that removes", async () => {
    let id: string;
    {
      await using sandbox = await Sandbox.create({ metadata: { "secret.key": "s3cret", a: "b" } }, client);
      id = sandbox.id;
      expect(sandbox.info.metadata).toMatchObject({ a: "b" });
      expect(JSON.stringify((await client.sandboxes.list()).map(({ info }) => info))).not.toContain("s3cret");
      expect((await client.sandboxes.get(id)).info).toMatchObject({ cpu: expect.any(Number), status: "running" });
    }
    await expect(client.sandboxes.get(id)).rejects.toBeInstanceOf(NotFoundError);
    const other = await newSandbox();
    await client.sandboxes.delete(other.id);
    expect((await client.sandboxes.list()).map((each) => each.id)).not.toContain(other.id);
  });

  test("files: up, down, walked, and told apart from folders", async () => {
    const { filesystem } = await newSandbox();
    const folder = mkdtempSync(join(tmpdir(), "pandastack-published-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "up"), "uploaded\n");
    expect(await filesystem.upload(join(folder, "up"), "/work/deep/up")).toEqual({ path: "/work/deep/up", bytes: 9 });
    await filesystem.download("/work/deep/up", join(folder, "down"));
    expect(readFileSync(join(folder, "down"), "utf8")).toBe("uploaded\n");
    const walked: string[] = [];
    for await (const { dir, dirs, files } of filesystem.walk("/work"))
      walked.push([dir, ...dirs.map(({ name }) => `${name}/`), ...files.map(({ name }) => name)].join(" "));
    expect(walked).toEqual(["/work deep/", "/work/deep up"]);
    expect(await filesystem.list("/work")).toMatchObject([{ name: "deep", is_dir: true, path: "/work/deep" }]);
    expect(await filesystem.stat("/work/deep/up")).toMatchObject({ is_dir: false, size: 9, mode: "-rw-r--r--" });
    await expect(filesystem.list("/work/none")).rejects.toBeInstanceOf(NotFoundError);
    await expect(filesystem.read("/work")).rejects.toBeInstanceOf(BadRequestError);
  });

  test("snapshots of one sandbox; volumes", async () => {
    const [one, two] = [await newSandbox(), await newSandbox()];
    const snapshot = await one.snapshot();
    await two.snapshot();
    expect((await client.snapshots.list({ sandbox_id: one.id })).map(({ id }) => id)).toEqual([snapshot.id]);
    const volumes = new VolumesAPI(client);
    const made = await volumes.create({ name: "published", size_mb: 32 });
    expect(made).toMatchObject({ name: "published", size_mb: 32 });
    expect((await volumes.list()).map(({ name }) => name)).toContain("published");
    const user = await newSandbox({ volumes: [{ name: "published" }] });
    expect((await user.exec("echo kept > /mnt/published/file; cat /mnt/published/file")).stdout).toBe("kept\n");
    await expect(volumes.delete("published")).rejects.toBeInstanceOf(BadRequestError);
    await user.kill();
    await volumes.delete("published");
    await expect(volumes.get("published")).rejects.toBeInstanceOf(NotFoundError);
    await expect(volumes.create({ name: "../x", size_mb: 32 })).rejects.toBeInstanceOf(BadRequestError);
  });

  const apps = () => new AppsAPI(client);
  const databases = () => new DatabasesAPI(client);
  const functions = () => new FunctionsAPI(client);
  const schedules = () => new SchedulesAPI(client);
  test.each<[string, () => Promise<unknown>]>([
    ["databases.create", () => databases().create()],
    ["databases.list", () => databases().list()],
    ["databases.connection", () => databases().connection("x")],
    ["databases.failover", () => databases().failover("x")],
    ["databases.clone", () => databases().clone("x")],
    ["databases.resetCredentials", () => databases().resetCredentials("x")],
    ["apps.create", () => apps().create({ name: "a", git_url: "https://example.com/a.git" })],
    ["apps.list", () => apps().list()],
    ["apps.deploy", () => apps().deploy("x")],
    ["apps.deployLogs", async () => (await apps().deployLogs("x", "y").next()).value],
    ["apps.setEnv", () => apps().setEnv("x", "K", "v")],
    ["apps.listDomains", () => apps().listDomains("x")],
    ["apps.previewRepos", () => apps().previewRepos()],
    ["functions.create", () => functions().create("f", "python", "print(1)")],
    ["functions.invoke", () => functions().invoke("x", {})],
    ["functions.metrics", () => functions().metrics("x")],
    ["schedules.create", () => schedules().create("s", "x", "* * * * *")],
    ["schedules.trigger", () => schedules().trigger("x")],
  ])("%s, a product that this server has not, is said to be none at once", async (_name, call) => {
    const failure = await call().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PandaStackError);
    expect([404, 501]).toContain((failure as PandaStackError).statusCode);
    expect((failure as Error).message).toMatch(/no such route|not/);
    expect((failure as Error).message).not.toContain("{");
  });
  test("… also the ones that it calls beside its own way", async () => {
    await expect(functions().getCode("x")).rejects.toThrow("failed to get code: 404");
    await expect(functions().deployBundle("x", Buffer.from("x"))).rejects.toThrow("deployBundle failed (404)");
  });
});

describe("traps", () => {
  const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    server.api(method, path, body, { headers });

  test("1: every name that it has for a template", async () => {
    for (const template of [undefined, "ubuntu-24.04", "node", "base"])
      expect((await newSandbox({ ...(template === undefined ? {} : { template }) })).template).toBe("base");
  });

  test("2: a client that gives up after its 30 s leaves the command at work", async () => {
    const { id } = await newSandbox();
    const impatient = new Client({ apiUrl: server.url, apiKey: server.token, timeoutMs: 300 });
    const sandbox = await Sandbox.get(id, impatient);
    const given = sandbox.exec("sleep 1; echo done > /root/done", { timeoutSeconds: 60 });
    await expect(given).rejects.toBeInstanceOf(NetworkError);
    await waitFor(async () => (await send("GET", `/v1/sandboxes/${id}/fs/stat?path=/root/done`)).status === 200, {
      timeoutMs: 20_000,
      message: "the command was ended",
    });
  });

  test("3: every error is a string, with its code beside it", async () => {
    for (const [method, path, status] of [
      ["GET", "/v1/sandboxes/none", 404],
      ["GET", "/v1/no/such/route", 404],
      ["POST", "/v1/sandboxes", 400],
    ] as const) {
      const reply = await send(method, path, method === "POST" ? { template: 5 } : undefined);
      expect(reply.status).toBe(status);
      expect(reply.body).toMatchObject({ error: expect.any(String), code: expect.any(String), retryable: false });
    }
    await expect(client.request("POST", "/sandboxes", { json: { template: 5 } })).rejects.toThrow(/^template: /);
  });

  test("4 and 5: a timeout is one to it, and nothing that is said makes it repeat a command", async () => {
    const sandbox = await newSandbox();
    const late = await send("POST", `/v1/sandboxes/${sandbox.id}/exec`, { cmd: "sleep 9", timeout_seconds: 0.1 });
    expect([late.status, late.body.error]).toEqual([504, expect.stringMatching(/timeout|deadline exceeded/)]);
    const dead = await send("GET", `/v1/sandboxes/${sandbox.id}/proxy/3999/`);
    expect(dead.status).toBeGreaterThanOrEqual(500);
    for (const text of [late.body.error, dead.body.error])
      expect(text).not.toMatch(/connect: connection refused|no route to host|i\/o timeout/i);
    await expect(client.request("GET", `/sandboxes/${sandbox.id}/proxy/3999/`)).rejects.toBeInstanceOf(ServerError);
  });

  test("6: what is gone is gone however often it is asked to be", async () => {
    const sandbox = await newSandbox();
    await sandbox.kill();
    const again = await sandbox.kill().catch((error: unknown) => error);
    expect(again === undefined || again instanceof NotFoundError).toBe(true);
  });

  test("7: a POST without a body, as plain text", async () => {
    const { id } = await newSandbox();
    const plain = { "content-type": "text/plain;charset=UTF-8", "content-length": "0" };
    for (const verb of ["pause", "resume", "hibernate", "wake", "snapshots", "fork", "fork-tree"]) {
      const reply = await send("POST", `/v1/sandboxes/${id}/${verb}`, undefined, plain);
      expect(reply.status, verb).toBeLessThan(300);
      for (const child of reply.body.children ?? []) await send("DELETE", `/v1/sandboxes/${child.id}`);
    }
  });

  test("8 and 10: frames end in two line feeds, and a log begins with the log", async () => {
    const { id } = await newSandbox();
    const { body } = await send("POST", `/v1/sandboxes/${id}/exec/stream`, { cmd: "printf 'a\\r\\nb'" });
    expect(body).not.toContain("\r");
    expect(body.split("\n\n").at(-1)).toBe("");
    const lines: string[] = [];
    for await (const line of (await Sandbox.get(id, client)).logs()) lines.push(line);
    const followed: string[] = [];
    for await (const line of (await Sandbox.get(id, client)).logs({ follow: true })) {
      followed.push(line);
      if (followed.length === lines.length) break;
    }
    expect(followed).toEqual(lines);
    expect(lines.length).toBeGreaterThan(0);
  });

  test("12: lists are what it reads as lists, also empty ones", async () => {
    const slug = `empty-${process.hrtime.bigint()}`;
    expect((await server.api("POST", "/v1/workspaces", { slug })).status).toBe(201);
    const { token } = (await server.api("POST", `/v1/workspaces/${slug}/tokens`, { role: "admin" })).body;
    const empty = new Client({ apiUrl: server.url, apiKey: token });
    expect(await empty.sandboxes.list()).toEqual([]);
    expect(await empty.snapshots.list()).toEqual([]);
    expect(await new VolumesAPI(empty).list()).toEqual([]);
    expect(await empty.tokens.list()).toHaveLength(1);
    for (const path of ["/v1/sandboxes", "/v1/templates"])
      expect(Array.isArray((await send("GET", path)).body), path).toBe(true);
  });

  test("13: children of a tree have what explore reads, in order", async () => {
    const { id } = await newSandbox();
    const { body } = await send("POST", `/v1/sandboxes/${id}/fork-tree`, { count: 3, metadata: { mine: "yes" } });
    expect(body.children.map(({ metadata }: { metadata: object }) => metadata)).toEqual(
      ["0", "1", "2"].map((fork_index) =>
        expect.objectContaining({ fork_tree_id: body.tree_id, fork_tree_role: "child", fork_index, mine: "yes" }),
      ),
    );
    for (const child of body.children) await send("DELETE", `/v1/sandboxes/${child.id}`);
  });

  test("14: a path with what a query cannot have", async () => {
    const { filesystem } = await newSandbox();
    const path = "/work dir/a+b&c=d ü#?.txt";
    await filesystem.write(path, "there");
    expect(await filesystem.read(path)).toBe("there");
  });
});
