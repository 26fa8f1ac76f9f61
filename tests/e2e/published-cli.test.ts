import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { api, type Json, removeAfterTest, run } from "./support/api.ts";
import { PUBLISHED_CLI, runCli } from "./support/programs.ts";

const cli = (...args: string[]) => runCli(PUBLISHED_CLI, args);
async function json(...args: string[]): Promise<Json> {
  const { exitCode, stdout, stderr } = await cli(...args);
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  return JSON.parse(stdout);
}

/** Every verb that the published command line has for what this server serves. */
describe("published @pandastack/sdk 0.9.0, command line", () => {
  let id = "";
  const folder = mkdtempSync(join(tmpdir(), "pandastack-published-"));

  beforeAll(async () => {
    id = (await json("sandbox", "create", "--ttl", "900", "--metadata", "a=b,c=d")).id;
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    expect((await cli("sandbox", "kill", id)).exitCode).toBe(0);
    expect((await cli("sandbox", "get", id)).exitCode).toBe(1);
  });

  it("list, get", async () => {
    expect((await json("sandbox", "list")).map((sandbox: { id: string }) => sandbox.id)).toContain(id);
    expect(await json("sb", "get", id)).toMatchObject({ id, status: "running", metadata: { a: "b", c: "d" } });
  });

  it("exec prints both streams and exits as the command", async () => {
    expect(await cli("sandbox", "exec", id, "--timeout", "20", "--", "echo out; echo err >&2; exit 7")).toEqual({
      exitCode: 7,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  it("run-code", async () => {
    const ran = await cli("sandbox", "run-code", id, "--language", "python", "--", "print(1+1)");
    expect(ran.stdout).toContain("2");
  });

  it("ssh shows the terminal and nothing else", async () => {
    const ran = await runCli(PUBLISHED_CLI, ["sandbox", "ssh", id], { input: "echo in-$((40+2)); exit 3\n" });
    expect(ran.stdout).toContain("in-42");
    expect(ran.stdout).not.toContain('{"exit"');
    expect(ran.exitCode).toBe(0);
  });

  it("fs write, read, upload, download", async () => {
    expect((await cli("fs", "write", id, "--path", "/root/w.txt", "--content", "written")).exitCode).toBe(0);
    expect((await cli("fs", "read", id, "--path", "/root/w.txt")).stdout.trim()).toBe("written");
    writeFileSync(join(folder, "up"), "uploaded\n");
    expect((await cli("fs", "upload", id, "--local", join(folder, "up"), "--remote", "/root/up")).exitCode).toBe(0);
    expect((await run(id, "cat /root/up")).stdout).toBe("uploaded\n");
    expect((await cli("fs", "download", id, "--remote", "/root/up", "--local", join(folder, "down"))).exitCode).toBe(0);
    expect(readFileSync(join(folder, "down"), "utf8")).toBe("uploaded\n");
  });

  it("logs, lifecycle, set-ttl, set-persistent, preview-url, preview-urls", async () => {
    expect((await cli("sandbox", "logs", id)).exitCode).toBe(0);
    expect(await json("sandbox", "set-ttl", id, "--ttl", "800")).toMatchObject({ ttl_seconds: 800 });
    expect(await json("sandbox", "set-persistent", id, "--persistent", "true")).toMatchObject({ persistent: true });
    expect(await json("sandbox", "lifecycle", id)).toMatchObject({ ttl_seconds: 800, persistent: true });
    expect((await cli("sandbox", "preview-url", id, "--port", "3000")).stdout).toContain(`3000-${id}`);
    expect((await cli("sandbox", "preview-urls", id)).exitCode).toBe(0);
  });

  it("pause, resume, hibernate, wake", async () => {
    for (const [verb, status] of [
      ["pause", "paused"],
      ["resume", "running"],
      ["hibernate", "hibernated"],
      ["wake", "running"],
    ] as const) {
      expect((await cli("sandbox", verb, id)).exitCode, verb).toBe(0);
      expect(await json("sandbox", "get", id)).toMatchObject({ status });
    }
  });

  it("fork, fork-tree, promote", async () => {
    const child = await json("sandbox", "fork", id, "--metadata", "role=child");
    removeAfterTest(child.id);
    expect(child).toMatchObject({ status: "running", metadata: { role: "child" } });
    const children: { id: string }[] = await json("sandbox", "fork-tree", id, "--count", "2");
    for (const each of children) removeAfterTest(each.id);
    expect(children).toHaveLength(2);
    expect(await json("sandbox", "promote", children[0]!.id)).toMatchObject({ winner: children[0]!.id });
  });

  it("snapshot: take, list, get, create from it, delete", async () => {
    const snapshot = await json("sandbox", "snapshot", id);
    expect((await json("snapshot", "list", "--sandbox", id)).map((each: { id: string }) => each.id)).toEqual([
      snapshot.id,
    ]);
    expect(await json("snap", "get", snapshot.id)).toMatchObject({ id: snapshot.id, sandbox_id: id });
    const copy = await json("sandbox", "create", "--from-snapshot", snapshot.id);
    removeAfterTest(copy.id);
    expect(copy).toMatchObject({ from_snapshot: snapshot.id });
    expect((await cli("snapshot", "delete", snapshot.id)).exitCode).toBe(0);
    expect((await cli("snapshot", "get", snapshot.id)).exitCode).toBe(1);
  });

  it("template list and get; token list, create, revoke; me", async () => {
    expect((await json("template", "list")).map((template: { name: string }) => template.name)).toContain("base");
    expect(await json("template", "get", "base")).toMatchObject({ name: "base" });
    const token = await json("token", "create", "--label", "e2e cli");
    expect((await json("token", "list")).map((each: { prefix: string }) => each.prefix)).toContain(token.prefix);
    expect((await cli("token", "revoke", token.prefix)).exitCode).toBe(0);
    expect((await api("GET", "/v1/me", { token: token.token })).status).toBe(401);
    expect(await json("whoami")).toMatchObject({ auth_method: "token" });
  });

  it("says what is wrong and exits with 1", async () => {
    const ran = await cli("sandbox", "get", "zzzzzzzzzzzzzzzzzzzz");
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(/^error: no such sandbox/);
    expect((await runCli(PUBLISHED_CLI, ["me"], { env: { PANDASTACK_API_KEY: "pds_wrong" } })).exitCode).toBe(1);
  });
});
