import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  AuthError,
  BadRequestError,
  Client,
  CommandError,
  NotFoundError,
  Sandbox,
  SandboxTimeout,
  ServerError,
} from "pandastack-published";
import { ADMIN_TOKEN, startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startTestServer();
  client = new Client({ apiUrl: server.url, apiKey: ADMIN_TOKEN });
});
afterAll(() => server.stop());

/** The client as it is on npm: whatever it sends and reads is the contract. */
describe("@pandastack/sdk 0.9.0", () => {
  const create = (options: Record<string, unknown> = {}) => Sandbox.create(options, client);

  test("creates with its own default template, runs and streams commands", async () => {
    const sandbox = await create({ metadata: { from: "published" } });
    expect(sandbox.info).toMatchObject({ template: "base", status: "running", metadata: { from: "published" } });
    expect(await sandbox.exec("echo hi; stderr oh; exit 2")).toMatchObject({
      stdout: "hi\n",
      stderr: "oh\n",
      exitCode: 2,
    });
    await expect(sandbox.exec("exit 9", { check: true })).rejects.toBeInstanceOf(CommandError);
    const out: string[] = [];
    expect(await sandbox.execStream("echo one; exit 3", { onStdout: (chunk: string) => out.push(chunk) })).toBe(3);
    expect(out.join("")).toBe("one\n");
    expect((await client.me()) as object).toMatchObject({ workspace: "default" });
    await sandbox.kill();
    await expect(client.sandboxes.get(sandbox.id)).rejects.toBeInstanceOf(NotFoundError);
  });

  test("knows a timeout as one, in both forms", async () => {
    const sandbox = await create();
    await expect(sandbox.exec("sleep 5", { timeoutSeconds: 1 })).rejects.toBeInstanceOf(SandboxTimeout);
    await expect(sandbox.execStream("sleep 5", { timeoutSeconds: 1 })).rejects.toBeInstanceOf(SandboxTimeout);
  });

  test("files", async () => {
    const sandbox = await create();
    await sandbox.filesystem.write("/work/a file.txt", "hello");
    expect(await sandbox.filesystem.read("/work/a file.txt")).toBe("hello");
    expect((await sandbox.filesystem.list("/work")).map((entry: { name: string }) => entry.name)).toEqual([
      "a file.txt",
    ]);
    expect(await sandbox.filesystem.exists("/work/a file.txt")).toBe(true);
    expect(await sandbox.filesystem.exists("/work/none")).toBe(false);
  });

  test("states, lifecycle, snapshots, forks", async () => {
    const sandbox = await create();
    await sandbox.pause();
    await expect(sandbox.exec("true")).rejects.toBeInstanceOf(BadRequestError);
    await sandbox.resume();
    await sandbox.hibernate();
    await sandbox.wake();
    expect(await sandbox.setTtl(120)).toMatchObject({ ttl_seconds: 120 });
    expect(await sandbox.setPersistent(true)).toMatchObject({ persistent: true });
    const snapshot = await sandbox.snapshot();
    expect((await client.snapshots.list()).map((one: { id: string }) => one.id)).toContain(snapshot.id);
    const restored = await create({ fromSnapshot: snapshot.id });
    expect(restored.info.from_snapshot).toBe(snapshot.id);
    const child = await sandbox.fork();
    expect(child.id).not.toBe(sandbox.id);
    expect((await child.exec("echo child")).stdout).toBe("child\n");
    const children = await sandbox.forkTree({ count: 3 });
    expect(children.map((one) => one.info.metadata?.["fork_index"])).toEqual(["0", "1", "2"]);
    await client.snapshots.delete(snapshot.id);
    await expect(client.snapshots.get(snapshot.id)).rejects.toBeInstanceOf(NotFoundError);
  });

  test("explore: tries, promotes the best, and leaves only that", async () => {
    const sandbox = await create();
    const before = (await client.sandboxes.list()).length;
    const result = await sandbox.explore(
      [{ label: "bad", cmd: "exit 1" }, { label: "good", cmd: "echo chosen" }, "exit 2"],
      { ttlSeconds: 300 },
    );
    expect(result.winnerOutcome).toMatchObject({ label: "good", ok: true });
    expect(result.reaped).toHaveLength(2);
    expect(result).toMatchObject({ reapFailures: {}, errors: [] });
    expect(result.winner?.info).toMatchObject({
      metadata: { fork_tree_id: result.treeId, explore: "1" },
      ttl_seconds: 300,
    });
    expect((await client.sandboxes.list()).length).toBe(before + 1);
  });

  test("logs, tokens, templates, errors", async () => {
    const sandbox = await create();
    const lines: string[] = [];
    for await (const line of sandbox.logs()) lines.push(line);
    expect(lines.join("\n")).toContain("booted");
    expect((await client.templates.list()).map((template: { name: string }) => template.name)).toContain("base");
    const token = (await client.tokens.create("mine")) as { token: string; prefix: string };
    const other = new Client({ apiUrl: server.url, apiKey: token.token });
    await other.sandboxes.list();
    await client.tokens.revoke(token.prefix);
    await expect(other.sandboxes.list()).rejects.toBeInstanceOf(AuthError);
    await expect(create({ template: "nope" })).rejects.toBeInstanceOf(BadRequestError);
    await expect(create({ template: "nope" })).rejects.toThrow(/there is no template "nope"/);
    server.host.script("createSandbox", { refuse: "sandbox.boot_failed" });
    await expect(create()).rejects.toBeInstanceOf(ServerError);
  });
});
