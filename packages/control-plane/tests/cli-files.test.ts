import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { cliJson, runCli } from "./support/cli.ts";
import { startFakeServer, type FakeServer } from "./support/fake-server.ts";

/** The command line's words for files, search and logging in, against a sandbox with a shell. */
const program = fileURLToPath(new URL("../../cli/bin/pandastack.mjs", import.meta.url));
let server: FakeServer;
let id: string;
beforeAll(async () => {
  server = await startFakeServer();
  ({ id } = await server.panda.sandboxes.create());
});
afterAll(() => server.stop());

const run = (...args: string[]) => runCli(server.url, ...args);
const json = (...args: string[]) => cliJson(server.url, ...args);

/** A program of its own: with input, and with a home of its own. */
async function withInput(args: string[], input: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env["PATH"], ...env } });
  child.stdin.end(input);
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
  const [exitCode] = (await once(child, "close")) as [number];
  return { exitCode, stdout: await stdout, stderr: await stderr };
}

describe("files", () => {
  test("written from stdin, looked at, moved, changed, removed", async () => {
    const env = { PANDASTACK_API_URL: server.url, PANDASTACK_API_KEY: server.token };
    expect(await withInput(["files", "write", id, "/root/a/note", "--mode", "600"], "one\n", env)).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    await withInput(["files", "write", id, "/root/a/note", "--append"], "two\n", env);
    expect((await run("files", "cat", id, "/root/a/note")).stdout).toBe("one\ntwo\n");
    expect((await run("files", "ls", id, "/root/a")).stdout).toMatch(/^-rw------- +root +8 B +\d+s +note$/m);
    expect(await json("files", "stat", id, "/root/a/note")).toMatchObject({ size: 8, is_dir: false });
    await run("files", "mkdir", id, "/root/b/c");
    await run("files", "mv", id, "/root/a/note", "/root/b/c/note");
    await run("files", "chmod", id, "644", "/root/b/c/note");
    await run("files", "chown", id, "user:user", "/root/b/c/note");
    expect(await json("files", "list", id, "/root/b", "--depth", "2")).toMatchObject([
      { path: "/root/b/c", is_dir: true },
      { path: "/root/b/c/note", mode: "-rw-r--r--", user: "user" },
    ]);
    expect(await run("files", "rm", id, "/root/b")).toMatchObject({ exitCode: 5 });
    expect(await run("files", "rm", "-r", id, "/root/b")).toMatchObject({ exitCode: 0 });
    expect(await run("files", "cat", id, "/root/b/c/note")).toMatchObject({ exitCode: 4 });
  });

  test("searched", async () => {
    const { files } = await server.panda.sandboxes.get(id);
    await files.write("/root/src/x.ts", "nothing\nTODO here\n");
    expect((await run("search", id, "TODO", "--path", "/root/src")).stdout).toBe("/root/src/x.ts:2:TODO here\n");
    expect((await run("search", id, "*.ts", "--files")).stdout).toBe("/root/src/x.ts\n");
    expect(await run("search", id, "nowhere", "--path", "/root/src")).toMatchObject({ exitCode: 1, stdout: "" });
    expect(await json("search", id, "todo", "-i")).toMatchObject({ engine: "grep", matches: [{ line: 2 }] });
  });
});

describe("login", () => {
  test("a good token is remembered, for its owner alone, and forgotten; a wrong one is not", async () => {
    const home = mkdtempSync(join(tmpdir(), "pandastack-login-"));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const env = { HOME: home };
    const file = join(home, ".config/pandastack/config.json");
    const wrong = await withInput(["login", "--api-url", server.url], "pds_wrong\n", env);
    expect(wrong).toMatchObject({ exitCode: 3, stdout: "" });
    expect(await withInput(["login"], "", env)).toMatchObject({ exitCode: 2 });
    const good = await withInput(["login", "--api-url", `${server.url}/`], `${server.token}\n`, env);
    expect(good).toMatchObject({ exitCode: 0, stdout: `logged in to ${server.url}: workspace default, role admin\n` });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ apiUrl: server.url, token: server.token });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await withInput(["token", "whoami"], "", env)).stdout).toMatch(/^workspace +default$/m);
    expect(await withInput(["logout"], "", env)).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ apiUrl: server.url });
    expect(await withInput(["list"], "", env)).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("hint:") });
  });
});
