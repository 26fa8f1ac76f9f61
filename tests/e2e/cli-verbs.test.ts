import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Json, panda, removeAfterTest, server } from "./support/api.ts";
import { itWhen } from "./support/not-run.ts";
import { OUR_CLI, runCli } from "./support/programs.ts";

const WAIT = { timeoutMs: 20_000 };
/** A case starts this program up to ten times, each a second of work on a busy machine. */
vi.setConfig({ testTimeout: 150_000 });

const cli = (...args: string[]) => runCli(OUR_CLI, args);
async function json(...args: string[]): Promise<Json> {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const ran = await cli(...args.slice(0, end), "--json", ...args.slice(end));
  expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
  return JSON.parse(ran.stdout);
}
/** The command line finds a newer Node by itself: then there are two processes, of which the first may be killed. */
const nodes = [process.execPath, "/usr/bin/node"].filter((path) => existsSync(path));
const lines = (text: string) => text.trimEnd().split("\n");

describe("pandastack, beyond the everyday", () => {
  let id = "";
  const folder = mkdtempSync(join(tmpdir(), "pandastack-cli-verbs-"));

  beforeAll(async () => {
    id = (await cli("create", "--ttl", "900")).stdout.trim();
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await cli("rm", id);
  });

  const spawnCli = (args: string[], node = process.execPath) =>
    spawn(node, [OUR_CLI, ...args], {
      env: { ...process.env, PANDASTACK_API_URL: server.url, PANDASTACK_API_KEY: server.token },
      stdio: ["pipe", "pipe", "pipe"],
    });
  /** The command line while it goes on: `said` waits until it has written this. */
  const follow = (...args: string[]) => {
    const child = spawnCli(args);
    const written = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (text: string) => void (written[name] += text));
    const ended = once(child, "close").then(([exitCode]) => ({ exitCode: exitCode as number | null, ...written }));
    const said = (text: string) =>
      waitFor(() => written.stdout.includes(text), { ...WAIT, message: `it did not say ${text}: ${written.stderr}` });
    return { said, ended };
  };
  const running = async (): Promise<string[]> =>
    (await json("ps", id)).filter((each: Json) => each.running).map((each: Json) => each.id);

  it("exec -d, ps, attach, signal: a command that outlives its caller", async () => {
    const command = (await cli("exec", "-d", id, "--", "echo early; while :; do sleep 0.1; done")).stdout.trim();
    expect((await cli("ps", id)).stdout).toMatch(new RegExp(`^${command} .* running .* echo early`, "m"));
    const attached = spawnCli(["attach", id, command]);
    const [first] = (await once(attached.stdout.setEncoding("utf8"), "data")) as [string];
    expect(first).toBe("early\n");
    // A signal to the command line is one to the command.
    attached.kill("SIGTERM");
    expect(await once(attached, "exit")).toEqual([143, null]);
    expect(await running()).not.toContain(command);

    const other = (await json("exec", "-d", id, "--", "sleep 60")).id;
    expect(await json("signal", id, other, "SIGKILL")).toEqual({ id: other, signal: "SIGKILL" });
    const replayed = lines((await cli("attach", id, command, "--json")).stdout).map((line) => JSON.parse(line));
    expect(replayed.at(0)).toEqual({ type: "stdout", text: "early\n" });
    expect(replayed.at(-1)).toMatchObject({ type: "exit", exit_code: 143 });
  });

  it("a shell whose command line is killed is hung up; one with --keep goes on and is joined again", async () => {
    for (const node of nodes) {
      const before = await running();
      const shell = spawnCli(["ssh", id], node);
      shell.stdin.write("echo up\n");
      await once(shell.stdout, "data");
      const opened = (await running()).find((each) => !before.includes(each));
      expect(opened).toBeDefined();
      shell.kill("SIGKILL");
      await waitFor(async () => !(await running()).includes(opened!), {
        ...WAIT,
        message: `the shell lives on: ${node}`,
      });
    }

    const kept = spawnCli(["ssh", "--keep", id]);
    const [said] = (await once(kept.stderr.setEncoding("utf8"), "data")) as [string];
    const [, terminal = ""] = /^terminal: (\S+)\n/.exec(said) ?? [];
    kept.kill("SIGKILL");
    await once(kept, "exit");
    const joined = await runCli(OUR_CLI, ["attach", id, terminal], { input: "echo again; exit 6\n" });
    expect(joined).toMatchObject({ exitCode: 6, stdout: expect.stringContaining("again") });
  });

  itWhen(!server.isFake, "the fake guest has no Python")(
    "run: create, upload, exec, stream, kill",
    async () => {
      const before = (await json("list")).map((each: Json) => each.id);
      mkdirSync(join(folder, "data"));
      writeFileSync(join(folder, "sum.py"), "import sys; print(sum(map(int, open(sys.argv[1])))); sys.exit(3)\n");
      writeFileSync(join(folder, "data/numbers"), "1\n2\n3\n");
      const child = spawn(process.execPath, [OUR_CLI, "run", "--", "python3", "sum.py", "data/numbers"], {
        cwd: folder,
        env: { ...process.env, PANDASTACK_API_URL: server.url, PANDASTACK_API_KEY: server.token },
      });
      let [stdout, stderr] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      const [exitCode] = (await once(child, "close")) as [number];
      expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 3, stdout: "6\n", stderr: "" });
      expect((await json("list")).map((each: Json) => each.id)).toEqual(before);
    },
    60_000,
  );

  it("run removes its sandbox when it cannot run", async () => {
    const before = (await json("list")).length;
    expect(await cli("run", "-u", "nobody-such", "--", "true")).toMatchObject({ exitCode: 125, stdout: "" });
    expect((await json("list")).length).toBe(before);
    expect(await cli("run", "--timeout", "1", "--", "sleep 60")).toMatchObject({ exitCode: 124 });
  });

  it("events, and events -f until it is gone", async () => {
    const short = (await cli("create")).stdout.trim();
    const following = follow("events", "-f", short, "--json");
    await following.said("sandbox.running");
    await cli("pause", short);
    await cli("kill", short);
    const types = lines((await following.ended).stdout).map((line) => JSON.parse(line).type);
    expect(types).toContain("sandbox.paused");
    expect(types.at(-1)).toBe("sandbox.deleted");
    const running = lines((await cli("events", id, "--type", "sandbox.running", "--json")).stdout);
    expect(new Set(running.map((line) => JSON.parse(line).type))).toEqual(new Set(["sandbox.running"]));
    expect((await cli("events", id, "-n", "1")).stdout).toMatch(/^\S+ {2}\d+ {2}sandbox\.\w+ {2}/);
  });

  it("logs -f ends with its sandbox", async () => {
    const short = (await cli("create")).stdout.trim();
    const following = follow("logs", "-f", short, "--json");
    await cli("exec", short, "--", "echo heard > /dev/console");
    await following.said("heard");
    await cli("kill", short);
    expect(await following.ended).toMatchObject({ exitCode: 0, stderr: "" });
  });

  it("metrics and top", async () => {
    expect(await json("metrics", id)).toMatchObject({ host_rss_bytes: expect.any(Number) });
    expect((await cli("metrics", id)).stdout).toMatch(/^uptime_seconds +\d+$/m);
    expect((await cli("top", "--once")).stdout).toMatch(new RegExp(`^${id} +running +[\\d.]+ `, "m"));
    expect((await cli("top", "--once", id)).stdout).toMatch(/^\S+: ready; \d+ running, .* free; pool .* free\n/);
    expect(await json("top", id)).toMatchObject([{ id, status: "running", idle_seconds: expect.any(Number) }]);
  });

  itWhen(process.getuid?.() === 0 && server.dataDir !== null, "needs root and a server on this host")(
    "doctor knows the server of this data folder",
    async () => {
      const env = { PANDASTACK_DATA_DIR: server.dataDir!, PANDASTACK_LISTEN: new URL(server.url).host };
      const ran = await runCli(OUR_CLI, ["doctor", "--json"], { env });
      expect(ran.stderr).toBe("");
      const { findings } = JSON.parse(ran.stdout);
      const said = Object.fromEntries(findings.map((each: Json) => [each.id, each]));
      for (const id of ["processes", "port", "server", "versions", "token"])
        expect(said[id]).toMatchObject({ verdict: "ok" });
      expect(said.port.says).toContain("this server's");
      const lost = await runCli(OUR_CLI, ["doctor", "--remote", "--json"], {
        env: { PANDASTACK_API_URL: "http://127.0.0.1:9" },
      });
      expect(lost.exitCode).toBe(1);
      expect(JSON.parse(lost.stdout)).toMatchObject({ ok: false, findings: [{ id: "server", verdict: "problem" }] });
    },
  );

  it("fork-tree and promote", async () => {
    const children = (await json("fork-tree", id, "-n", "2", "--ttl", "300")).map((each: Json) => each.id);
    for (const child of children) removeAfterTest(child);
    expect(children).toHaveLength(2);
    expect((await cli("promote", children[0], "--cleanup-siblings")).stdout).toBe(
      `kept ${children[0]}\nremoved ${children[1]}\n`,
    );
  });

  it("ttl, host list, template get, token", async () => {
    expect(await json("ttl", id, "1800")).toMatchObject({ ttl_seconds: 1800 });
    expect(await json("ttl", id)).toMatchObject({ ttl_seconds: 1800, idle_seconds: 0 });
    expect((await cli("host", "list")).stdout).toMatch(/^ID +STATUS +ISOLATION/);
    expect(await json("template", "get", "base")).toMatchObject({ name: "base", status: "ready" });
    const created = await json("token", "create", "--label", "cli", "--role", "read");
    expect((await cli("token", "list")).stdout).toMatch(new RegExp(`^${created.prefix} +read +cli`, "m"));
    const env = { PANDASTACK_API_KEY: created.token };
    expect((await runCli(OUR_CLI, ["token", "whoami"], { env })).stdout).toMatch(/^role +read$/m);
    expect((await runCli(OUR_CLI, ["create"], { env })).exitCode).toBe(3);
    await cli("token", "revoke", created.prefix);
    expect((await runCli(OUR_CLI, ["list"], { env })).exitCode).toBe(3);
  });

  it("workspace, tokens of it, audit, ports", async () => {
    const slug = `cli-${Date.now().toString(36)}`;
    expect((await cli("workspace", "create", slug)).stdout).toBe(`${slug}\n`);
    expect((await cli("workspace", "list")).stdout).toMatch(new RegExp(`^${slug} `, "m"));
    const made = await json("token", "create", "--workspace", slug);
    expect(made).toMatchObject({ workspace: slug, role: "member" });
    expect(await json("token", "revoke", "--workspace", slug, made.prefix)).toEqual([
      { prefix: made.prefix, revoked: true },
    ]);
    await waitFor(async () => (await cli("audit", "--target", slug)).stdout.includes("createWorkspace"), {
      ...WAIT,
      message: "the audit log does not have it",
    });
    expect((await cli("workspace", "limits")).stdout).toMatch(/^sandboxes +\d+ +\d+ +\d+$/m);
    const { limits, defaults } = await json("workspace", "limits", slug, "--running", "3", "--snapshots", "default");
    expect(limits).toEqual({ ...defaults, running_sandboxes: 3 });
    expect(await cli("workspace", "limits", "--running", "3")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("slug"),
    });
    const egress = { allow: ["*.example.com"], deny: ["x.example.com"] };
    const policy = ["--allow", "*.example.com", "--deny", "x.example.com"];
    const network = { default: null, ceiling: { egress } };
    expect(await json("workspace", "network", slug, "ceiling", ...policy)).toEqual(network);
    expect((await cli("workspace", "network", slug)).stdout).toMatch(
      /^default +none\nceiling +\{.*"\*\.example\.com"/m,
    );
    expect(await json("workspace", "network", slug, "ceiling", "--none")).toEqual({ default: null, ceiling: null });
    expect((await cli("workspace", "network", slug, "--egress", "off")).exitCode).toBe(2);
  });

  it("ports: labelled, opened to anyone, and as they were", async () => {
    expect(await json("ports", id)).toBeInstanceOf(Array);
    expect(await json("ports", "add", id, "3000", "--label", "web", "--public")).toMatchObject({
      ...{ port: 3000, label: "web", public: true },
    });
    expect((await cli("ports", id)).stdout).toMatch(/^3000 +\S+ +\S+ +web +anyone +http/m);
    expect(await json("port", "remove", id, "3000")).toEqual([{ port: 3000, removed: true }]);
    expect((await json("ports", "list", id)).map((each: Json) => each.port)).not.toContain(3000);
    expect((await cli("ports", "add", id, "70000")).exitCode).toBe(2);
  });

  it("persist, a fork with a network of its own, one process", async () => {
    expect(await json("persist", id)).toMatchObject({ persistent: true });
    expect(await json("persist", id, "--off")).toMatchObject({ persistent: false });
    const [child] = await json("fork", id, "--egress", "off", "--egress-mbps", "2");
    removeAfterTest(child.id);
    expect(child).toMatchObject({ network: { egress: "off" }, egress_mbps: 2 });
    const command = (await cli("exec", "-d", id, "--", "sleep 60")).stdout.trim();
    expect(await json("ps", id, command)).toMatchObject({ id: command, running: true });
    expect((await cli("ps", id, "no-such")).exitCode).toBe(4);
    await cli("signal", id, command, "SIGKILL");
  });

  itWhen(!server.isFake, "the fake guest has no kernels")("contexts of code", async () => {
    const context = (await cli("context", "create", id, "--language", "bash", "--cwd", "/tmp")).stdout.trim();
    expect((await cli("code", id, "-l", "bash", "-c", context, "x=41; pwd")).stdout).toBe("/tmp\n");
    expect((await cli("code", id, "-l", "bash", "-c", context, "echo $((x + 1))")).stdout).toBe("42\n");
    expect((await cli("context", "list", id)).stdout).toMatch(
      new RegExp(`^${context} +bash +free +2 +root +/tmp `, "m"),
    );
    expect(await json("context", "restart", id, context)).toEqual([{ id: context, done: "restart" }]);
    expect((await cli("code", id, "-l", "bash", "-c", context, "echo [$x]")).stdout).toBe("[]\n");
    await cli("context", "delete", id, context);
    expect(await cli("context", "interrupt", id, context)).toMatchObject({ exitCode: 4 });
    expect(await json("context", "languages")).toContain("python");
  });

  it("completes what the server has, and says nothing where there is none", async () => {
    expect((await cli("__complete", "sandboxes")).stdout).toMatch(new RegExp(`^${id}\trunning base$`, "m"));
    expect((await cli("__complete", "templates")).stdout).toMatch(/^base\t/m);
    const env = { PANDASTACK_API_URL: "http://127.0.0.1:9" };
    expect(await runCli(OUR_CLI, ["__complete", "sandboxes"], { env })).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect((await cli("--help")).stdout).not.toContain("__complete");
  });

  it("a state that is wrong has an exit code of its own", async () => {
    await panda.sandboxes.get(id).then((sandbox) => sandbox.pause());
    expect((await cli("exec", id, "--", "true")).exitCode).toBe(125);
    expect((await cli("ps", id)).exitCode).toBe(5);
    await cli("resume", id);
  });
});
