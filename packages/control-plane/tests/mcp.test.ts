import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { fileURLToPath } from "node:url";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startFakeServer, type FakeServer } from "./support/fake-server.ts";
import type { Json } from "./support/server.ts";

/** The tools for models, through the protocol's own client, over both transports. */
const program = fileURLToPath(new URL("../../cli/bin/pandastack.mjs", import.meta.url));
let server: FakeServer;
beforeAll(async () => (server = await startFakeServer()));
afterAll(() => server.stop());

type Call = (name: string, args?: Record<string, unknown>) => Promise<{ text: string; isError: boolean }>;

async function connected(client: Client, transport: Parameters<Client["connect"]>[0]): Promise<Call> {
  await client.connect(transport);
  onTestFinished(() => client.close());
  return async (name, args = {}) => {
    const { content, isError } = (await client.callTool({ name, arguments: args })) as Json;
    return { text: content[0].text, isError };
  };
}

const overHttp = (path: string, token = server.token) =>
  new StreamableHTTPClientTransport(new URL(path, server.url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
const overStdio = (...args: string[]) =>
  new StdioClientTransport({
    command: process.execPath,
    args: [program, "mcp", "--api-url", server.url, ...args],
    env: { PATH: process.env["PATH"]!, PANDASTACK_API_KEY: server.token },
  });
const newClient = (versions?: string[]) =>
  new Client({ name: "test", version: "1" }, versions === undefined ? {} : { supportedProtocolVersions: versions });

const idIn = (text: string): string => /sandbox_id: ([a-z0-9]{20})/.exec(text)![1]!;

describe.each([
  ["HTTP at /mcp", () => overHttp("/mcp"), undefined],
  ["HTTP at /v1/mcp, protocol of 2025", () => overHttp("/v1/mcp"), ["2025-06-18"]],
  ["stdio", () => overStdio(), undefined],
] as const)("over %s", (_name, transport, versions) => {
  test("eight calls at once wait for none of the others", async () => {
    const client = newClient(versions?.slice());
    const call = await connected(client, transport());
    const sandbox_id = idIn((await call("create_sandbox", { ttl_seconds: 300 })).text);
    onTestFinished(async () => void (await server.api("DELETE", `/v1/sandboxes/${sandbox_id}`)));
    // Each goes on only once all have begun.
    const together =
      "mkdir -p /root/turn; touch /root/turn/$N; while test $(ls /root/turn | wc -l) -lt 8; do sleep 0.1; done";
    const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
    const answers = await Promise.all(
      numbers.map((number) =>
        call("run_command", { sandbox_id, command: `N=${number}; ${together}; echo turn $N`, timeout_seconds: 30 }),
      ),
    );
    expect(answers.map(({ text }) => text)).toEqual(numbers.map((number) => `exit code 0\nturn ${number}\n`));
  });

  test("a sandbox's whole life, as tools", async () => {
    const client = newClient(versions?.slice());
    const call = await connected(client, transport());
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(TOOLS);
    expect(tools.find(({ name }) => name === "delete_sandbox")?.annotations).toMatchObject({ destructiveHint: true });
    expect(client.getServerVersion()?.name).toBe("pandastack");

    const sandbox_id = idIn((await call("create_sandbox", { metadata: { by: "model" }, ttl_seconds: 300 })).text);
    expect((await call("list_sandboxes")).text).toMatch(new RegExp(`^${sandbox_id} .*by=model`, "m"));
    expect(JSON.parse((await call("get_sandbox", { sandbox_id })).text)).toMatchObject({ ttl_seconds: 300 });
    expect(await call("run_command", { sandbox_id, command: "echo out; echo err >&2; exit 3" })).toEqual({
      text: "exit code 3\nout\n\n[stderr]\nerr\n",
      isError: false,
    });
    await call("write_file", { sandbox_id, path: "notes/a.txt", content: "one\ntwo\n" });
    await call("write_file", { sandbox_id, path: "notes/a.txt", content: "three\n", append: true });
    expect((await call("read_file", { sandbox_id, path: "/root/notes/a.txt" })).text).toBe("one\ntwo\nthree\n");
    expect((await call("list_dir", { sandbox_id, path: "/root/notes" })).text).toMatch(
      /^file +14 {2}\/root\/notes\/a\.txt$/,
    );

    const child = /^([a-z0-9]{20}) {2}running/.exec((await call("fork_sandbox", { sandbox_id })).text)![1];
    expect((await call("read_file", { sandbox_id: child, path: "notes/a.txt" })).text).toContain("three");
    const snapshot_id = /snapshot_id: (\S+)/.exec((await call("create_snapshot", { sandbox_id })).text)![1];
    expect((await call("list_snapshots", { sandbox_id })).text).toContain(`${snapshot_id}  of ${sandbox_id}`);
    expect((await call("hibernate_sandbox", { sandbox_id })).isError).toBe(false);
    expect((await call("list_templates")).text).toContain("base  ready");
    for (const id of [sandbox_id, child]) await call("delete_sandbox", { sandbox_id: id });
    expect((await call("delete_snapshot", { snapshot_id })).text).toBe(`deleted ${snapshot_id}`);
    const gone = await call("run_command", { sandbox_id, command: "true" });
    expect(gone).toMatchObject({ isError: true, text: expect.stringContaining("(sandbox.not_found)") });
  });
});

describe("what a model gets", () => {
  let call: Call;
  let sandbox_id: string;
  const connect = async () => {
    call = await connected(newClient(), overHttp("/mcp"));
    sandbox_id = idIn((await call("create_sandbox", { ttl_seconds: 300 })).text);
    onTestFinished(async () => void (await server.api("DELETE", `/v1/sandboxes/${sandbox_id}`)));
  };

  test("eight searches and reads in one turn, one of which fails", async () => {
    await connect();
    for (const [path, content] of [
      ["src/a.ts", "const x = 1; // TODO one\n"],
      ["src/deep/b.ts", "let y;\n// todo two\n"],
      ["src/node_modules/c.ts", "// TODO not ours\n"],
      ["src/d.py", "# TODO three\n"],
    ])
      await call("write_file", { sandbox_id, path, content });
    const { text, isError } = await call("search", {
      sandbox_id,
      queries: [
        { kind: "grep", pattern: "TODO \\w+", path: "/root/src" },
        { kind: "grep", pattern: "todo", ignore_case: true, glob: "*.ts" },
        { kind: "grep", pattern: "x = 1; //", fixed: true },
        { kind: "grep", pattern: "nothing like it" },
        { kind: "grep", pattern: "TODO", path: "/root/src", limit: 1 },
        { kind: "glob", pattern: "src/**/*.ts" },
        { kind: "read", path: "/root/src/d.py" },
        { kind: "read", path: "/root/none" },
      ],
    });
    expect(isError).toBe(false);
    const answers = text.split(/^## \d\. .*\n/m).map((part) => part.trim());
    expect(answers[1]!.split("\n").toSorted()).toEqual([
      "/root/src/a.ts:1: const x = 1; // TODO one",
      "/root/src/d.py:1: # TODO three",
    ]);
    expect(answers[2]!.split("\n").toSorted()).toEqual([
      "/root/src/a.ts:1: const x = 1; // TODO one",
      "/root/src/deep/b.ts:2: // todo two",
    ]);
    expect(answers[3]).toContain("a.ts:1:");
    expect(answers[4]).toBe("no line matches");
    expect(answers[5]).toContain("[there are more than these 1: raise limit");
    expect(answers[6]).toBe("/root/src/a.ts\n/root/src/deep/b.ts");
    expect(answers[7]).toBe("# TODO three");
    expect(answers[8]).toMatch(/^failed: .*\/root\/none/);
    const bad = await call("search", { sandbox_id, queries: [{ kind: "grep", pattern: "(" }] });
    expect(bad).toMatchObject({ isError: true, text: expect.stringContaining("failed: the search failed:") });
  });

  test("long output in part, long files and lists page by page", async () => {
    await connect();
    const { text } = await call("run_command", { sandbox_id, command: "seq 1 20000" });
    expect(text.length).toBeLessThan(31_000);
    expect(text).toMatch(/^exit code 0\n1\n2\n/);
    expect(text).toMatch(/\n\[… \d+ characters left out …\]\n/);
    expect(text).toMatch(/\n19999\n20000\n$/);

    const lines = Array.from({ length: 9000 }, (_, index) => `zeile ${index} ü`);
    await server.api("PUT", `/v1/sandboxes/${sandbox_id}/fs?path=/root/long`, `${lines.join("\n")}\n`, {
      headers: { "content-type": "application/octet-stream" },
    });
    let [whole, offset]: [string, number | undefined] = ["", 0];
    while (offset !== undefined) {
      const piece = (await call("read_file", { sandbox_id, path: "/root/long", offset })).text;
      const next = /\n\[bytes \d+ to (\d+) of \d+; to read on call again with offset \1\]$/.exec(piece);
      whole += next === null ? piece : piece.slice(0, next.index);
      offset = next === null ? undefined : Number(next[1]);
    }
    expect(whole).toBe(`${lines.join("\n")}\n`);

    await call("run_command", {
      sandbox_id,
      command: "mkdir many; cd many; for i in $(seq 1 130); do touch f$i; done",
    });
    const first = (await call("list_dir", { sandbox_id, path: "/root/many" })).text;
    expect(first).toContain("[1 to 100 of 130; for the next ones call again with offset 100]");
    expect((await call("list_dir", { sandbox_id, path: "/root/many", offset: 100 })).text.split("\n")).toHaveLength(30);
  });

  test("bytes that are no text as base64; what is wrong in words", async () => {
    await connect();
    await call("write_file", { sandbox_id, path: "b", content: "AP+A", encoding: "base64" });
    expect((await call("read_file", { sandbox_id, path: "b" })).text).toBe("[not UTF-8 text; base64]\nAP+A");
    const slow = await call("run_command", { sandbox_id, cmd: "sleep 30", timeout_seconds: 0.2 });
    expect(slow).toEqual({ isError: true, text: expect.stringContaining("killed: it ran longer than 0.2 s") });
    expect(await call("read_file", { sandbox_id })).toMatchObject({ isError: true });
    expect(await call("create_sandbox", { template: "none-such" })).toMatchObject({
      isError: true,
      text: expect.stringContaining("(template.not_found)"),
    });
  });
});

describe("one sandbox's own server", () => {
  test.each([
    ["HTTP", (id: string) => overHttp(`/v1/sandboxes/${id}/mcp`)],
    ["stdio", (id: string) => overStdio("--sandbox", id)],
  ])("over %s: a shell, files, search, and no other sandbox", async (_name, transport) => {
    const { id } = (await server.api("POST", "/v1/sandboxes", {})).body;
    const client = newClient();
    const call = await connected(client, transport(id));
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual([
      "shell",
      "run_command",
      "run_code",
      "read_file",
      "write_file",
      "list_dir",
      "search",
    ]);
    expect((await call("shell", { cmd: "pwd" })).text).toBe("exit code 0\n/root\n");
    await server.api("DELETE", `/v1/sandboxes/${id}`);
  });
});

describe("on the wire", () => {
  const post = (
    body: unknown,
    options: { token?: string | null; headers?: Record<string, string>; path?: string } = {},
  ) => server.api("POST", options.path ?? "/mcp", body, options);
  const message = (method: string, params: unknown = {}) => ({ jsonrpc: "2.0", id: 7, method, params });

  test("plain JSON for whoever takes no stream; the version that was asked for", async () => {
    for (const protocolVersion of ["2024-11-05", "2025-03-26", "2025-06-18"]) {
      const { status, body } = await post(
        message("initialize", { protocolVersion, capabilities: {}, clientInfo: { name: "curl", version: "1" } }),
      );
      expect([status, body.id, body.result.protocolVersion]).toEqual([200, 7, protocolVersion]);
      expect(body.result).toMatchObject({ serverInfo: { name: "pandastack" }, capabilities: { tools: {} } });
    }
    expect((await post(message("tools/list"))).body.result.tools.length).toBe(TOOLS.length);
    expect((await post({ jsonrpc: "2.0", method: "notifications/initialized" })).status).toBe(202);
  });

  test.each([
    ["not JSON", "{", -32_700],
    ["a batch", [message("ping")], -32_600],
    ["no message", "5", -32_600],
    ["an unknown method", message("none/such"), -32_601],
  ])("%s is an error of the protocol", async (_name, body, code) => {
    expect((await post(body)).body.error.code).toBe(code);
  });

  test("no token, no other method, no body beyond the limit, no foreign sandbox", async () => {
    expect(await post(message("ping"), { token: null })).toMatchObject({ status: 401 });
    for (const method of ["GET", "DELETE"]) {
      const reply = await server.api(method, "/mcp");
      expect([reply.status, reply.headers.get("allow")]).toEqual([405, "POST"]);
    }
    const large = message("tools/call", { name: "x", arguments: { x: "x".repeat(1024 * 1024) } });
    expect(await post(large)).toMatchObject({ status: 413 });
    expect(await post(message("ping"), { path: `/v1/sandboxes/${"z".repeat(20)}/mcp` })).toMatchObject({ status: 404 });
  });

  test("a token that only looks: tools that change are refused, and it is written down as any call", async () => {
    const { token } = (await server.api("POST", "/v1/me/tokens", { role: "read" })).body;
    const call = await connected(newClient(), overHttp("/mcp", token));
    expect((await call("list_sandboxes")).isError).toBe(false);
    const refused = await call("create_sandbox");
    expect(refused).toMatchObject({ isError: true, text: expect.stringContaining("(auth.forbidden)") });
    const slug = `elsewhere-${process.hrtime.bigint()}`;
    expect((await server.api("POST", "/v1/workspaces", { slug })).status).toBe(201);
    const foreign = (await server.api("POST", `/v1/workspaces/${slug}/tokens`, { role: "member" })).body.token;
    const { id } = (await server.api("POST", "/v1/sandboxes", {})).body;
    const there = await connected(newClient(), overHttp("/mcp", foreign));
    expect(await there("run_command", { sandbox_id: id, command: "id" })).toMatchObject({
      isError: true,
      text: expect.stringContaining("(sandbox.not_found)"),
    });
    await server.api("DELETE", `/v1/sandboxes/${id}`);
  });

  test("a call whose caller goes leaves nothing waiting", async () => {
    const { id } = (await server.api("POST", "/v1/sandboxes", {})).body;
    const gone = new AbortController();
    const args = { sandbox_id: id, command: "echo begun > /root/begun; sleep 60" };
    for (const accept of ["application/json", "application/json, text/event-stream"]) {
      const asked = fetch(`${server.url}/mcp`, {
        method: "POST",
        headers: { authorization: `Bearer ${server.token}`, accept },
        body: JSON.stringify(message("tools/call", { name: "run_command", arguments: args })),
        signal: gone.signal,
      });
      asked.then((reply) => reply.body?.cancel()).catch(() => {});
    }
    const begun = async () => (await server.api("GET", `/v1/sandboxes/${id}/fs/stat?path=/root/begun`)).status === 200;
    await waitFor(begun, { timeoutMs: 20_000, message: "the commands do not begin" });
    gone.abort();
    let usage: Json;
    const isOver = async () => {
      ({ usage } = (await server.api("GET", "/v1/me/limits")).body);
      return usage.streams === 0 && usage.processes === 0;
    };
    await waitFor(isOver, { timeoutMs: 20_000, message: "a stream stays open" });
    await server.api("DELETE", `/v1/sandboxes/${id}`);
  });
});

const TOOLS = [
  "create_sandbox",
  "list_sandboxes",
  "get_sandbox",
  "delete_sandbox",
  "hibernate_sandbox",
  "list_templates",
  "run_command",
  "run_code",
  "read_file",
  "write_file",
  "list_dir",
  "search",
  "fork_sandbox",
  "create_snapshot",
  "list_snapshots",
  "delete_snapshot",
];
