import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { AuthError, InvalidRequestError, NotFoundError, PandaStack, type Sandbox, TimeoutError } from "@pandastack/sdk";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "./support/database.ts";
import { FakeHostAgent } from "./support/fake-host.ts";
import { startProxy } from "./support/proxy.ts";
import { ADMIN_TOKEN, startControlPlane } from "./support/server.ts";

/** Our own client against the real control plane and the real host agent, on its fake runtime. */
const program = fileURLToPath(new URL("support/sdk-client.ts", import.meta.url));
const WAIT = { timeoutMs: 10_000 };

let agent: FakeHostAgent;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let server: Awaited<ReturnType<typeof startControlPlane>>;
let panda: PandaStack;
let sandbox: Sandbox;

beforeAll(async () => {
  agent = new FakeHostAgent();
  await agent.start();
  database = await createTestDatabase();
  server = await startControlPlane({ databaseUrl: database.url, hostSocket: agent.socketPath });
  panda = new PandaStack({ baseUrl: server.url, apiKey: ADMIN_TOKEN });
  await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, { ...WAIT, message: "not ready" });
  sandbox = await panda.sandboxes.create();
});
afterAll(async () => {
  await server.controlPlane.stop();
  await agent.remove();
  await database.drop();
});

/** Starts the client program, has it killed as nothing can prepare for, and says what it had started. */
async function startAndKill(what: string): Promise<string> {
  const env = { ...process.env, PANDASTACK_API_URL: server.url, PANDASTACK_API_KEY: ADMIN_TOKEN };
  const child = spawn(process.execPath, [program, sandbox.id, what], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [id] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  child.kill("SIGKILL");
  await once(child, "exit");
  return id.trim();
}
const isRunning = async (id: string) =>
  (await sandbox.commands.list().toArray()).some((each) => each.id === id && each.running);

describe("a client that is killed", () => {
  test.each(["terminal", "input"])("has its %s hung up, where it is not to be kept", async (what) => {
    const id = await startAndKill(what);
    await waitFor(async () => !(await isRunning(id)), { ...WAIT, message: `the ${what} lives on` });
  });

  test("leaves a terminal that is to be kept, which can be joined again, with what it showed", async () => {
    const id = await startAndKill("kept-terminal");
    const terminal = await sandbox.pty.connect(id);
    await terminal.write("echo joined; exit 5\n");
    let shown = "";
    await terminal.output.forEach((data) => (shown += Buffer.from(data).toString()));
    expect(shown).toContain("joined");
    expect(await terminal.exited).toMatchObject({ exitCode: 5 });
  });

  test("leaves its command in the background, which is found again with all that it wrote", async () => {
    const id = await startAndKill("command");
    expect(await isRunning(id)).toBe(true);
    const command = await sandbox.commands.connect(id);
    const pieces: string[] = [];
    const waiting = command.wait({ onStdout: (text) => pieces.push(text) });
    await waitFor(async () => pieces.length > 0, { ...WAIT, message: "nothing was replayed" });
    await sandbox.files.write("/tmp/go", "");
    expect(await waiting).toEqual({ exitCode: 7, stdout: "first\nsecond\n", stderr: "" });
  });
});

describe("a network that breaks", () => {
  const behindProxy = async () => {
    const proxy = await startProxy(server.url);
    onTestFinished(() => proxy.close());
    return { proxy, client: new PandaStack({ baseUrl: proxy.url, apiKey: ADMIN_TOKEN }) };
  };

  test("makes no second sandbox when an answer is lost", async () => {
    const { proxy, client } = await behindProxy();
    const before = (await panda.sandboxes.list().toArray()).length;
    proxy.loseAnswerTo("POST /v1/sandboxes ");
    const made = await client.sandboxes.create();
    expect((await panda.sandboxes.list().toArray()).length).toBe(before + 1);
    await made.kill();
  });

  test("leaves events complete and single", async () => {
    const { proxy, client } = await behindProxy();
    const watched = await client.sandboxes.create();
    const seen: number[] = [];
    const types: string[] = [];
    const following = watched.events({ follow: true }).forEach((event) => {
      seen.push(event.id);
      types.push(event.type);
    });
    await waitFor(async () => seen.length > 0, { ...WAIT, message: "no event came" });
    proxy.cut();
    const direct = await panda.sandboxes.get(watched.id);
    await direct.pause();
    await waitFor(async () => types.includes("sandbox.paused"), { ...WAIT, message: "not told of the pause" });
    proxy.cut();
    await direct.resume();
    await waitFor(async () => types.includes("sandbox.resumed"), { ...WAIT, message: "not told of its going on" });
    await direct.kill();
    await following;
    expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
    expect(types).toContain("sandbox.deleted");
  });

  test("tells who waits for a command how to find it again", async () => {
    const { proxy, client } = await behindProxy();
    const stream = (await client.sandboxes.get(sandbox.id)).commands.stream("echo begun; sleep 30");
    await stream.next();
    proxy.cut();
    const error = await stream.next().then(
      () => expect.fail("it should have failed"),
      (thrown: unknown) => thrown as { hint: string; code: string },
    );
    expect(error).toMatchObject({ code: "client.connection" });
    const [, id = ""] = /commands\.connect\("(.+)"\)/.exec(error.hint) ?? [];
    expect(await isRunning(id)).toBe(true);
    await sandbox.commands.kill(id);
  });
});

describe("limits", () => {
  const large = `true ${"x".repeat(70_000)}`;
  test.each([
    ["run", () => sandbox.commands.run(large)],
    ["stream", () => sandbox.commands.stream(large).toArray()],
    ["start", () => sandbox.commands.start(large)],
    ["start with input", () => sandbox.commands.start(large, { stdin: true })],
    ["terminal", () => sandbox.pty.create({ command: large })],
  ])("a command that no frame holds is refused with what to do: %s", async (_, call) => {
    const error = await call().then(
      () => expect.fail("it should have been refused"),
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: "validation.body_too_large",
      hint: expect.stringContaining("files.write()"),
      message: expect.stringContaining("65536"),
    });
  });

  test("what is left of a wait decides, not what the server asks for", async () => {
    await expect(sandbox.commands.run("sleep 30", { timeoutMs: 200 })).rejects.toMatchObject({ code: "exec.timeout" });
    const command = await sandbox.commands.start("sleep 30");
    await expect(command.wait({ timeoutMs: 100 })).rejects.toBeInstanceOf(TimeoutError);
    expect(await isRunning(command.id)).toBe(true);
    await command.kill();
  });
});

describe("streams", () => {
  test("do not mix: 100 commands at once through one client", async () => {
    const numbers = Array.from({ length: 100 }, (_, index) => index);
    const results = await Promise.all(numbers.map((each) => sandbox.commands.run(`echo ${each}`)));
    expect(results.map(({ stdout }) => Number(stdout))).toEqual(numbers);
  });

  test("end when they are closed, left, or aborted, and leave the command running", async () => {
    const command = await sandbox.commands.start("echo one; sleep 30");
    const output = command.output();
    expect((await output.next()).done).toBe(false);
    const waiting = output.next();
    await output.close();
    expect(await waiting).toEqual({ done: true, value: undefined });

    for await (const _ of command.output()) break;
    const abort = new AbortController();
    const aborted = command.output({ signal: abort.signal }).forEach(() => abort.abort(new Error("enough")));
    await expect(aborted).rejects.toThrow("enough");
    expect(await isRunning(command.id)).toBe(true);
    await command.kill();
    await expect(command.wait()).resolves.toMatchObject({ exitCode: 137 });
  });

  test("feed a command from whatever there is", async () => {
    const chunks = async function* () {
      for (const text of ["a", "b", "c"]) yield Buffer.from(text);
    };
    expect((await sandbox.commands.run("cat", { stdin: "text" })).stdout).toBe("text");
    expect((await sandbox.commands.run("cat", { stdin: chunks() })).stdout).toBe("abc");
    const broken = async function* () {
      yield Buffer.from("a");
      throw new Error("the source failed");
    };
    await expect(sandbox.commands.run("cat", { stdin: broken() })).rejects.toThrow("the source failed");
  });
});

describe("files", () => {
  test("are read with their length", async () => {
    for (const size of [5, 65_536, 300_000]) {
      await sandbox.files.write("/root/sized", "x".repeat(size));
      const response = await fetch(`${server.url}/v1/sandboxes/${sandbox.id}/fs?path=/root/sized`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      });
      expect(response.headers.get("content-length")).toBe(String(size));
      expect((await response.text()).length).toBe(size);
    }
    const piece = await sandbox.files.readStream("/root/sized", { offset: 299_990, length: 100 });
    expect(await new Response(piece).text()).toBe("x".repeat(10));
    await sandbox.files.write("/root/empty", "");
    expect(await sandbox.files.readText("/root/empty")).toBe("");
  });

  test("tell each change to a loop or a callback, until it is closed", async () => {
    await sandbox.files.mkdir("/root/watched");
    const changes = await sandbox.files.watch("/root/watched");
    const paths: string[] = [];
    const watching = changes.forEach((change) => paths.push(change.kind === "overflow" ? "" : change.path));
    await sandbox.files.write("/root/watched/file", "x");
    await waitFor(async () => paths.includes("/root/watched/file"), { ...WAIT, message: "no change was told" });
    await changes.close();
    await watching;
  });
});

describe("the rest", () => {
  test("lists are loops and arrays", async () => {
    const ids: string[] = [];
    for await (const each of panda.sandboxes.list({ status: "running" })) ids.push(each.id);
    expect(ids).toContain(sandbox.id);
    expect(await panda.sandboxes.list({ status: "hibernated" }).toArray()).toEqual([]);
    expect((await panda.templates.list().toArray()).map(({ name }) => name)).toContain("base");
    expect(await panda.templates.get("base")).toMatchObject({ name: "base" });
    expect(await panda.hosts.list().toArray()).toMatchObject([{ ready: true }]);
  });

  test("fork makes one or many; promote is repeatable", async () => {
    const one = await sandbox.fork();
    const many = await sandbox.fork(2, { metadata: { n: "1" } });
    expect(many.map(({ info }) => info.metadata["n"])).toEqual(["1", "1"]);
    const tree = await sandbox.forkTree({ count: 2 });
    for (const _ of [1, 2])
      expect(await tree[0]!.promote({ cleanupSiblings: true })).toMatchObject({ winner: tree[0]!.id });
    await expect(tree[1]!.refresh()).rejects.toBeInstanceOf(NotFoundError);
    for (const each of [one, ...many, tree[0]!]) await each.kill();
  });

  test("time to live: changed, and begun anew", async () => {
    expect(await sandbox.setTtl(1234)).toMatchObject({ ttl_seconds: 1234 });
    const begun = performance.now();
    const kept = await sandbox.keepAlive();
    expect(kept.ttl_seconds).toBe(1234);
    expect(kept.idle_seconds).toBeLessThanOrEqual(Math.ceil((performance.now() - begun) / 1000));
    expect(await sandbox.metrics()).toMatchObject({ pid: expect.any(Number), host_rss_bytes: expect.any(Number) });
  });

  test("tokens: made, used, revoked", async () => {
    const made = await panda.tokens.create({ label: "sdk", role: "read" });
    const reader = new PandaStack({ baseUrl: server.url, apiKey: made.token });
    expect(await reader.tokens.me()).toMatchObject({ role: "read" });
    await expect(reader.sandboxes.create()).rejects.toMatchObject({ code: "auth.forbidden", hint: expect.any(String) });
    await panda.tokens.revoke(made.prefix);
    await expect(reader.tokens.me()).rejects.toBeInstanceOf(AuthError);
    expect((await panda.tokens.list().toArray()).map(({ prefix }) => prefix)).not.toContain(made.prefix);
  });

  test("workspaces, and the audit log in pages", async () => {
    const begun = new Date(Date.now() - 60_000);
    const noted = async () => (await panda.audit.list({ since: begun, operation: "createWorkspace" }).toArray()).length;
    const before = await noted();
    const own = `sdk-${process.hrtime.bigint()}`;
    expect(await panda.workspaces.create(own, { name: "Other" })).toMatchObject({ slug: own });
    expect((await panda.workspaces.list().toArray()).map(({ slug }) => slug)).toContain(own);
    const made = await panda.workspaces.tokens(own).create({ role: "member" });
    const other = new PandaStack({ baseUrl: server.url, apiKey: made.token });
    await expect(other.sandboxes.get(sandbox.id)).rejects.toBeInstanceOf(NotFoundError);
    await waitFor(async () => (await noted()) === before + 1, { ...WAIT, message: "the log does not have it" });
    const ids: number[] = [];
    for await (const entry of panda.audit.list({ since: begun })) ids.push(entry.id);
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => b - a));
  });

  test("modes, and what listens", async () => {
    await sandbox.files.write("/root/script", "x");
    await sandbox.files.chmod("/root/script", "755");
    expect(await sandbox.files.stat("/root/script")).toMatchObject({ mode: "-rwxr-xr-x" });
    await sandbox.files.chown("/root/script", { user: "user" });
    expect(await sandbox.files.stat("/root/script")).toMatchObject({ user: "user" });
    expect(await sandbox.ports.list().toArray()).toEqual([]);
  });

  test("bad requests name their field", async () => {
    const error = await panda.sandboxes.create({ ttlSeconds: -1 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(error).toMatchObject({ code: "validation.failed", requestId: expect.any(String) });
  });
});
