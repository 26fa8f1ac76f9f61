import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Json, removeAfterTest, run, server } from "./support/api.ts";
import { itWhen } from "./support/not-run.ts";
import { OUR_CLI, runCli } from "./support/programs.ts";

/** A case starts this program up to ten times, each a second of work on a busy machine. */
vi.setConfig({ testTimeout: 150_000 });

const cli = (...args: string[]) => runCli(OUR_CLI, args);
async function json(...args: string[]): Promise<Json> {
  const ran = await cli(...args, "--json");
  expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
  return JSON.parse(ran.stdout);
}

describe("pandastack", () => {
  let id = "";
  const folder = mkdtempSync(join(tmpdir(), "pandastack-cli-"));

  beforeAll(async () => {
    const ran = await cli("create", "--ttl", "900", "--metadata", "suite=cli", "-e", "FROM_CREATE=yes");
    id = ran.stdout.trim();
    expect(ran.stderr).toBe("");
    expect(id).toMatch(/^[a-z0-9]{20}$/);
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    expect(await cli("kill", id)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  it("list and get, as tables and as JSON", async () => {
    const { stdout } = await cli("list");
    expect(stdout.split("\n")[0]).toMatch(/^ID +STATUS +TEMPLATE/);
    expect(stdout).toMatch(new RegExp(`^${id} +running +base`, "m"));
    expect((await json("ls")).map((info: { id: string }) => info.id)).toContain(id);
    expect((await cli("get", id)).stdout).toMatch(/^status +running$/m);
    expect(await json("get", id)).toMatchObject({ id, metadata: { suite: "cli" }, ttl_seconds: 900 });
    expect((await cli("template", "list")).stdout).toMatch(/^base /m);
  });

  it("exec passes streams, words and the exit code through", async () => {
    expect(await cli("exec", id, "--", "echo $FROM_CREATE; echo err >&2; exit 7")).toEqual({
      exitCode: 7,
      stdout: "yes\n",
      stderr: "err\n",
    });
    expect(
      (
        await cli(
          "exec",
          id,
          "--cwd",
          "/tmp",
          "-e",
          "A=it's",
          "-u",
          "user",
          "--",
          "sh",
          "-c",
          'pwd; echo "$A"; id -un; echo "$1"',
          "_",
          "$HOME *",
        )
      ).stdout,
    ).toBe("/tmp\nit's\nuser\n$HOME *\n");
    expect((await cli("exec", id, "no-such-command")).exitCode).toBe(127);
    expect(await json("exec", id, "echo out")).toEqual({ exit_code: 0, stdout: "out\n", stderr: "" });
  });

  it("exec passes bytes on unharmed, in and out", async () => {
    const bytes = randomBytes(200_000);
    writeFileSync(join(folder, "bytes"), bytes);
    const ran = spawnSync(
      "sh",
      ["-c", `"$NODE" "$CLI" exec -i "$ID" -- cat < "$FILE" | sha256sum; sha256sum < "$FILE"`],
      {
        encoding: "utf8",
        env: {
          ...process.env,
          NODE: process.execPath,
          CLI: OUR_CLI,
          ID: id,
          FILE: join(folder, "bytes"),
          PANDASTACK_API_URL: server.url,
          PANDASTACK_API_KEY: server.token,
        },
      },
    );
    const [through, own] = ran.stdout.trim().split("\n");
    expect(ran.stderr).toBe("");
    expect(through).toBe(own);
  });

  it("exec --timeout kills and exits with 124", async () => {
    const ran = await cli("exec", id, "--timeout", "3", "--", "sleep 77");
    expect(ran.exitCode).toBe(124);
    expect(ran.stderr).toMatch(/^error: .*time/);
    await waitFor(async () => (await run(id, "pgrep -f '^sleep 77' | wc -l")).stdout.trim() === "0", {
      timeoutMs: 20_000,
      message: "the command lives on",
    });
  });

  it("exec -it and ssh give a terminal of this one's size", async () => {
    const inTerminal = (command: string, input: string) =>
      spawnSync("script", ["-qec", `stty rows 33 cols 99; ${process.execPath} ${OUR_CLI} ${command}`, "/dev/null"], {
        input,
        encoding: "utf8",
        timeout: 30_000,
        env: { ...process.env, PANDASTACK_API_URL: server.url, PANDASTACK_API_KEY: server.token },
      });
    expect(inTerminal(`exec -it ${id} -- 'stty size; tty; exit 3'`, "")).toMatchObject({
      status: 3,
      stdout: expect.stringMatching(/33 99\r*\n\/dev\/pts\//),
    });
    expect(inTerminal(`ssh ${id}`, "echo in-$((40+2)); exit 4\n")).toMatchObject({
      status: 4,
      stdout: expect.stringContaining("in-42"),
    });
    // Nothing to read at all: the shell ends, however early that is said to it.
    expect(await runCli(OUR_CLI, ["ssh", id], { input: "" })).toMatchObject({ exitCode: 0 });
    // Without a terminal here there is still one inside.
    expect(await runCli(OUR_CLI, ["ssh", id], { input: "test -t 0 && echo has-a-tty\nexit 6\n" })).toMatchObject({
      exitCode: 6,
      stdout: expect.stringContaining("has-a-tty"),
    });
  });

  it("cp files both ways, through pipes too", async () => {
    const bytes = randomBytes(100_000);
    writeFileSync(join(folder, "a.bin"), bytes);
    expect(await cli("cp", join(folder, "a.bin"), `${id}:/root/in/b.bin`)).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect(await cli("cp", join(folder, "a.bin"), `${id}:/root/in/`)).toMatchObject({ exitCode: 0 });
    expect((await cli("cp", `${id}:/root/in/a.bin`, join(folder, "back"))).exitCode).toBe(0);
    expect(readFileSync(join(folder, "back")).equals(bytes)).toBe(true);
    expect((await runCli(OUR_CLI, ["cp", "-", `${id}:/root/piped`], { input: "from a pipe\n" })).exitCode).toBe(0);
    expect((await cli("cp", `${id}:piped`, "-")).stdout).toBe("from a pipe\n");
    expect(await cli("cp", `${id}:/nowhere`, folder)).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/^error: .*\/nowhere/),
    });
    expect((await cli("cp", `${id}:/root/in`, folder)).stderr).toBe("error: /root/in is a folder: use -r\n");
    expect((await cli("cp", "a", "b")).stderr).toContain("one side must be in a sandbox");
  });

  itWhen(!server.isFake, "the fake guest has no tar")("cp -r keeps modes and links", async () => {
    mkdirSync(join(folder, "tree/sub dir"), { recursive: true });
    writeFileSync(join(folder, "tree/sub dir/run.sh"), "#!/bin/sh\necho ran\n");
    chmodSync(join(folder, "tree/sub dir/run.sh"), 0o755);
    symlinkSync("sub dir/run.sh", join(folder, "tree/link"));
    expect(await cli("cp", "-r", join(folder, "tree"), `${id}:/root/copied`)).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    expect((await run(id, "/root/copied/link; ls /tmp/.pandastack-* 2>/dev/null | wc -l")).stdout).toBe("ran\n0\n");
    expect(await cli("cp", "-r", `${id}:/root/copied`, join(folder, "back-tree"))).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    expect(readlinkSync(join(folder, "back-tree/link"))).toBe("sub dir/run.sh");
    expect(statSync(join(folder, "back-tree/sub dir/run.sh")).mode & 0o777).toBe(0o755);
  });

  it("snapshot create, list, get, delete, and create --snapshot", async () => {
    const snapshot = (await cli("snapshot", "create", id)).stdout.trim();
    expect((await json("snapshot", "list", "--sandbox", id)).map((each: { id: string }) => each.id)).toEqual([
      snapshot,
    ]);
    expect((await cli("snapshot", "ls")).stdout).toContain(snapshot);
    expect(await json("snapshot", "get", snapshot)).toMatchObject({ id: snapshot, sandbox_id: id });
    const copy = (await cli("create", "--snapshot", snapshot)).stdout.trim();
    removeAfterTest(copy);
    expect((await cli("exec", copy, "--", "cat /root/piped")).stdout).toBe("from a pipe\n");
    expect(await json("snapshot", "delete", snapshot)).toEqual([{ id: snapshot, deleted: true }]);
  });

  it("fork one and many", async () => {
    const [child] = await json("fork", id, "--metadata", "n=1");
    removeAfterTest(child.id);
    expect(child).toMatchObject({ status: "running", metadata: { n: "1" } });
    const ids = (await cli("fork", id, "-n", "2")).stdout.trim().split("\n");
    for (const each of ids) removeAfterTest(each);
    expect(ids).toHaveLength(2);
  });

  it("pause, resume, hibernate, wake", async () => {
    for (const [verb, status] of [
      ["pause", "paused"],
      ["resume", "running"],
      ["hibernate", "hibernated"],
      ["wake", "running"],
    ] as const) {
      expect(await json(verb, id)).toEqual([{ id, status }]);
      expect(await json("get", id)).toMatchObject({ status });
    }
  });

  it("logs", async () => {
    expect(await cli("logs", id)).toMatchObject({ exitCode: 0, stderr: "" });
  });

  it("says what is wrong in a line or two, without a stack", async () => {
    for (const [args, exitCode, text] of [
      [["get", "zzzzzzzzzzzzzzzzzzzz"], 4, /^error: no such sandbox.*\nhint: /],
      [["hibernat", id], 2, /unknown command 'hibernat'\n\(Did you mean hibernate\?\)/],
      [["snapshot", "lst"], 2, /unknown command 'lst'\n\(Did you mean (list|one of list, ls)\?\)/],
      [["list", "--jsn"], 2, /unknown option '--jsn'\n\(Did you mean --json\?\)/],
      [["create", "--ttl", "-1"], 2, /error: .*--ttl/],
      [["create", "--template", "no-such"], 2, /^error: .*no-such.*\nhint: /],
      [["cp", "/etc/hosts", "/etc/hosts"], 2, /^error: one side must be in a sandbox/],
      [["list", "--api-url", "http://127.0.0.1:64999"], 6, /^error: cannot reach .*\nhint: is the server running/],
      [["list", "--api-url", "nonsense"], 2, /^error: nonsense is no address of a server\nhint: /],
    ] as const) {
      const ran = await cli(...args);
      expect(ran.stderr).toMatch(text);
      expect(ran.stderr).not.toMatch(/^\s+at /m);
      expect(ran.exitCode, ran.stderr).toBe(exitCode);
    }
    const wrong = await runCli(OUR_CLI, ["list"], { env: { PANDASTACK_API_KEY: "pds_wrong" } });
    expect(wrong).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(/^error: .*\nhint: check apiKey/) });
  });

  it("says it as JSON where it was asked to", async () => {
    const ran = await cli("get", "zzzzzzzzzzzzzzzzzzzz", "--json");
    expect(ran).toMatchObject({ exitCode: 4, stdout: "" });
    expect(JSON.parse(ran.stderr)).toMatchObject({ code: "sandbox.not_found", retryable: false, status: 404 });
  });

  it("does not mind a reader that goes away", () => {
    const ran = spawnSync("sh", ["-c", `"$NODE" "$CLI" exec "$ID" -- 'yes | head -n 200000' | head -n 1`], {
      encoding: "utf8",
      env: {
        ...process.env,
        NODE: process.execPath,
        CLI: OUR_CLI,
        ID: id,
        PANDASTACK_API_URL: server.url,
        PANDASTACK_API_KEY: server.token,
      },
    });
    expect(ran).toMatchObject({ stdout: "y\n", stderr: "" });
  });
});
