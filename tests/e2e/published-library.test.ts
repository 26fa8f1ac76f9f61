import {
  Client,
  CommandError,
  NotFoundError,
  Sandbox,
  SandboxTimeout,
  AuthError,
  BadRequestError,
} from "pandastack-published";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { removeAfterTest, server } from "./support/api.ts";

/** The client that users have, unmodified, through a sandbox's whole life. Each case goes on where the one before ended. */
describe("published @pandastack/sdk 0.9.0, library", () => {
  const client = new Client({ apiUrl: server.url, apiKey: server.token });
  let sandbox: Sandbox;

  beforeAll(async () => {
    sandbox = await Sandbox.create({}, client);
  });
  afterAll(async () => {
    await sandbox.kill();
  });

  it("creates without a word more and gets its own id", () => {
    expect(sandbox.id).toMatch(/^[a-z0-9]{20}$/);
    expect(sandbox.status).toBe("running");
    expect(sandbox.template).toBe("base");
  });

  it("executes", async () => {
    const result = await sandbox.exec("echo out; echo err >&2; exit 3");
    expect(result).toMatchObject({ stdout: "out\n", stderr: "err\n", exitCode: 3, exit_code: 3 });
    expect(await sandbox.commands.run("id -u")).toMatchObject({ stdout: "0\n", exitCode: 0 });
    await expect(sandbox.exec("false", { check: true })).rejects.toBeInstanceOf(CommandError);
  });

  it("streams output as it comes", async () => {
    const chunks: string[] = [];
    const exitCode = await sandbox.execStream("echo one; echo two >&2; exit 4", {
      onStdout: (chunk) => chunks.push(`out:${chunk}`),
      onStderr: (chunk) => chunks.push(`err:${chunk}`),
    });
    expect(exitCode).toBe(4);
    expect(chunks.filter((chunk) => chunk.startsWith("out:")).join("")).toBe("out:one\n");
    expect(chunks.filter((chunk) => chunk.startsWith("err:")).join("")).toBe("err:two\n");
  });

  it("runs code", async () => {
    expect((await sandbox.runCode("print(6 * 7)", "python")).stdout).toBe("42\n");
    expect((await sandbox.runCode("echo $((6 * 7))", "shell")).stdout).toBe("42\n");
  });

  it("writes, reads, lists, stats and finds files", async () => {
    await sandbox.filesystem.write("/work dir/näme+1.txt", "héllo\n");
    expect(await sandbox.filesystem.read("/work dir/näme+1.txt")).toBe("héllo\n");
    const [entry] = await sandbox.filesystem.list("/work dir");
    expect(entry).toMatchObject({ name: "näme+1.txt", path: "/work dir/näme+1.txt", is_dir: false, size: 7 });
    expect(entry?.mtime).toBeGreaterThan(1_700_000_000);
    expect(await sandbox.filesystem.stat("/work dir")).toMatchObject({ is_dir: true });
    expect(await sandbox.filesystem.exists("/work dir/näme+1.txt")).toBe(true);
    expect(await sandbox.filesystem.exists("/nowhere")).toBe(false);
    await client.request("DELETE", `/sandboxes/${sandbox.id}/fs`, {
      query: { path: "/work dir/näme+1.txt" },
      parseAs: "none",
    });
    expect(await sandbox.filesystem.exists("/work dir/näme+1.txt")).toBe(false);
    await expect(sandbox.filesystem.read("/nowhere")).rejects.toBeInstanceOf(NotFoundError);
  });

  it("snapshots, and creates from it with the snapshot's disk and memory", async () => {
    await sandbox.exec("echo disk > /root/mark; echo memory > /dev/shm/mark");
    const snapshot = await sandbox.snapshot();
    await sandbox.exec("echo later > /root/mark; echo later > /dev/shm/mark");
    const copy = await Sandbox.create({ fromSnapshot: snapshot.id }, client);
    removeAfterTest(copy.id);
    expect(copy.info).toMatchObject({ from_snapshot: snapshot.id, template: "base" });
    expect((await copy.exec("cat /root/mark /dev/shm/mark")).stdout).toBe("disk\nmemory\n");
    expect((await client.snapshots.list()).map(({ id }) => id)).toContain(snapshot.id);
    expect(await client.snapshots.get(snapshot.id)).toMatchObject({ id: snapshot.id, sandbox_id: sandbox.id });
    await client.snapshots.delete(snapshot.id);
    await expect(client.snapshots.get(snapshot.id)).rejects.toBeInstanceOf(NotFoundError);
    expect((await copy.exec("cat /root/mark")).stdout).toBe("disk\n");
  });

  it("forks memory and disk", async () => {
    await sandbox.exec("echo parent > /root/mark; echo parent > /dev/shm/mark");
    const child = await sandbox.fork({ metadata: { role: "child" } });
    removeAfterTest(child.id);
    expect(child.id).not.toBe(sandbox.id);
    expect(child.info.metadata).toMatchObject({ role: "child" });
    expect((await child.exec("cat /root/mark /dev/shm/mark; echo child > /dev/shm/mark")).stdout).toBe(
      "parent\nparent\n",
    );
    expect((await sandbox.exec("cat /dev/shm/mark")).stdout).toBe("parent\n");
  });

  it("forks a tree, promotes one and removes its siblings", async () => {
    const children = await sandbox.forkTree({ count: 3, metadata: { kind: "try" } });
    for (const child of children) removeAfterTest(child.id);
    expect(children.map((child) => child.info.metadata?.["fork_index"])).toEqual(["0", "1", "2"]);
    expect(new Set(children.map((child) => child.info.metadata?.["fork_tree_id"])).size).toBe(1);
    const [winner, ...losers] = children;
    const result = await winner!.promote({ cleanupSiblings: true });
    expect(result.winner).toBe(winner!.id);
    expect(result.deleted?.toSorted()).toEqual(losers.map(({ id }) => id).toSorted());
    for (const loser of losers) await expect(loser.exec("true")).rejects.toBeInstanceOf(NotFoundError);
    expect((await winner!.exec("echo alive")).stdout).toBe("alive\n");
  });

  it("explores: picks the best branch and reaps the others", async () => {
    const result = await sandbox.explore(["echo a; exit 1", "echo winner > /root/answer", "exit 2"], {
      ttlSeconds: 120,
    });
    removeAfterTest(result.winner!.id);
    expect(result.errors).toEqual([]);
    expect(result.winnerOutcome?.label).toBe("echo winner > /root/answer");
    expect(result.reaped).toHaveLength(2);
    // Found with `find -newer`, which the fake guest has not.
    if (!server.isFake) expect(result.winnerOutcome?.filesChanged).toContain("/root/answer");
    expect((await result.winner!.exec("cat /root/answer")).stdout).toBe("winner\n");
    const alive = (await Sandbox.list(client)).map(({ id }) => id);
    for (const id of result.reaped) expect(alive).not.toContain(id);
  });

  it("hibernates, wakes, and is woken by a command", async () => {
    await sandbox.exec("echo kept > /dev/shm/kept");
    await sandbox.hibernate();
    expect((await Sandbox.get(sandbox.id, client)).status).toBe("hibernated");
    await sandbox.wake();
    expect((await Sandbox.get(sandbox.id, client)).status).toBe("running");
    await sandbox.hibernate();
    expect((await sandbox.exec("cat /dev/shm/kept")).stdout).toBe("kept\n");
    expect((await Sandbox.get(sandbox.id, client)).status).toBe("running");
  });

  it("pauses and resumes", async () => {
    await sandbox.pause();
    expect((await Sandbox.get(sandbox.id, client)).status).toBe("paused");
    await expect(sandbox.exec("true")).rejects.toBeInstanceOf(BadRequestError);
    await sandbox.resume();
    expect((await sandbox.exec("echo back")).stdout).toBe("back\n");
  });

  it("sets how long it lives", async () => {
    expect(await sandbox.setTtl(900)).toMatchObject({ ttl_seconds: 900 });
    expect(await sandbox.setPersistent(true)).toMatchObject({ persistent: true });
    const lifecycle = await sandbox.lifecycle();
    expect(lifecycle).toMatchObject({ ttl_seconds: 900, persistent: true });
    expect(lifecycle.idle_seconds).toBeGreaterThanOrEqual(0);
    await sandbox.setPersistent(false);
  });

  it("reads logs and previews", async () => {
    await sandbox.exec("echo logged line");
    const lines: string[] = [];
    for await (const line of sandbox.logs()) lines.push(line);
    expect(lines.every((line) => typeof line === "string")).toBe(true);
    expect(typeof (await sandbox.previewUrls())).toBe("object");
    expect(sandbox.previewUrl(3000)).toContain(`3000-${sandbox.id}.`);
  });

  it("lists and gets sandboxes, templates and itself", async () => {
    expect((await Sandbox.list(client)).map(({ id }) => id)).toContain(sandbox.id);
    expect((await client.templates.list()).map(({ name }) => name)).toContain("base");
    expect(await client.templates.get("base")).toMatchObject({ name: "base" });
    expect(await client.me()).toMatchObject({ auth_method: "token" });
  });

  it("makes, lists and revokes tokens", async () => {
    const made = await client.tokens.create("e2e");
    expect(made.token).toMatch(/^pds_[0-9a-f]{32}$/);
    expect(made.token.startsWith(made.prefix)).toBe(true);
    expect((await client.tokens.list()).map(({ prefix }) => prefix)).toContain(made.prefix);
    const other = new Client({ apiUrl: server.url, apiKey: made.token });
    expect((await Sandbox.list(other)).map(({ id }) => id)).toContain(sandbox.id);
    await client.tokens.revoke(made.prefix);
    await expect(Sandbox.list(other)).rejects.toBeInstanceOf(AuthError);
  });

  it("raises the class that each failure stands for", async () => {
    await expect(Sandbox.get("zzzzzzzzzzzzzzzzzzzz", client)).rejects.toBeInstanceOf(NotFoundError);
    await expect(Sandbox.create({ template: "no-such-template" }, client)).rejects.toBeInstanceOf(BadRequestError);
    await expect(Sandbox.list({ apiUrl: server.url, apiKey: "pds_wrong" })).rejects.toBeInstanceOf(AuthError);
    await expect(sandbox.exec("sleep 30", { timeoutSeconds: 1 })).rejects.toBeInstanceOf(SandboxTimeout);
    await expect(sandbox.execStream("sleep 30", { timeoutSeconds: 1 })).rejects.toBeInstanceOf(SandboxTimeout);
  });

  it("kills, and the id is unknown from then on", async () => {
    const doomed = await Sandbox.create({ ttlSeconds: 600, metadata: { for: "kill" } }, client);
    await doomed.kill();
    await expect(Sandbox.get(doomed.id, client)).rejects.toBeInstanceOf(NotFoundError);
    await expect(doomed.exec("true")).rejects.toBeInstanceOf(NotFoundError);
    expect((await Sandbox.list(client)).map(({ id }) => id)).not.toContain(doomed.id);
  });
});
