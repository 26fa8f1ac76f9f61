import { connect } from "node:net";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, api, run, sandboxForTest, server } from "./support/api.ts";

/** Clear text, a stable code, nothing leaked. */
describe("bad input", () => {
  let id = "";
  beforeAll(async () => {
    id = (await api("POST", "/v1/sandboxes", { json: { ttl_seconds: 900 } })).json.id;
  });
  afterAll(async () => {
    await api("DELETE", `/v1/sandboxes/${id}`);
  });

  it.each<[string, unknown, string]>([
    ["an unknown template", { template: "no-such-template" }, "template.not_found"],
    ["a wrong type", { persistent: "yes" }, "validation.failed"],
    ["a negative ttl", { ttl_seconds: -1 }, "validation.failed"],
    ["a broken ttl", { ttl_seconds: 1.5 }, "validation.failed"],
    ["metadata that is no text", { metadata: { a: 1 } }, "validation.failed"],
    ["an unknown runtime", { runtime: "abacus" }, "runtime.unavailable"],
    ["a list", [], "validation.failed"],
    ["an environment with a NUL", { env: { A: "\0" } }, "validation.failed"],
  ])("create with %s", async (_, body, code) => {
    const answer = await api("POST", "/v1/sandboxes", { json: body });
    expectRefusal(answer, 400, code);
  });

  it("JSON that is none", async () => {
    const answer = await api("POST", "/v1/sandboxes", {
      body: '{"template":',
      headers: { "content-type": "application/json" },
    });
    expectRefusal(answer, 400, "validation.bad_json");
  });

  it("an unknown snapshot", async () => {
    expectRefusal(
      await api("POST", "/v1/sandboxes", { json: { from_snapshot: crypto.randomUUID() } }),
      404,
      "snapshot.not_found",
    );
  });

  it("a gigabyte of JSON is refused without being read", async () => {
    const { answer, sentBytes } = await sendEndlessJson();
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"validation.body_too_large"');
    expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
  });

  it("a path with NUL; and `..`, which is legal", async () => {
    expectRefusal(
      await api("GET", `/v1/sandboxes/${id}/fs?path=${encodeURIComponent("/etc/\0passwd")}`),
      400,
      "validation.failed",
    );
    expectRefusal(
      await api("PUT", `/v1/sandboxes/${id}/fs?path=${encodeURIComponent("/tmp/\0")}`, { body: "x" }),
      400,
      "validation.failed",
    );
    expectRefusal(await api("GET", `/v1/sandboxes/${id}/fs`), 400, "validation.failed");
    expect((await api("PUT", `/v1/sandboxes/${id}/fs?path=/tmp/x/../../root/y`, { body: "x" })).json).toMatchObject({
      path: "/root/y",
    });
    expect((await api("GET", `/v1/sandboxes/${id}/fs?path=/../../../root/./y`)).text).toBe("x");
  });

  it("files that are not there, or folders", async () => {
    expectRefusal(await api("GET", `/v1/sandboxes/${id}/fs?path=/nowhere`), 404, "file.not_found");
    expectRefusal(await api("GET", `/v1/sandboxes/${id}/fs/stat?path=/nowhere`), 404, "file.not_found");
    expectRefusal(await api("GET", `/v1/sandboxes/${id}/fs?path=/root`), 400, "file.is_a_directory");
    expectRefusal(await api("GET", `/v1/sandboxes/${id}/fs/dir?path=/etc/passwd`), 400, "file.not_a_directory");
  });

  it("a command that is not there is an exit code, not an error", async () => {
    expect(await run(id, "no-such-command")).toMatchObject({
      exit_code: 127,
      stderr: expect.stringContaining("no-such-command"),
    });
    expect(await run(id, "/etc/passwd")).toMatchObject({ exit_code: 126 });
  });

  it.each<[string, unknown]>([
    ["no command", {}],
    ["an empty one", { cmd: "" }],
    ["one with NUL", { cmd: "a\0b" }],
    ["a negative timeout", { cmd: "true", timeout_seconds: -1 }],
    ["a timeout in words", { cmd: "true", timeout_seconds: "soon" }],
  ])("exec with %s", async (_, body) => {
    expectRefusal(await api("POST", `/v1/sandboxes/${id}/exec`, { json: body }), 400);
    expectRefusal(await api("POST", `/v1/sandboxes/${id}/exec/stream`, { json: body }), 400);
  });

  it("exec as nobody known, or nowhere", async () => {
    expectRefusal(
      await api("POST", `/v1/sandboxes/${id}/exec`, { json: { cmd: "true", user: "no-such-user" } }),
      400,
      "guest.user_not_found",
    );
    expectRefusal(
      await api("POST", `/v1/sandboxes/${id}/exec`, { json: { cmd: "true", cwd: "/nowhere" } }),
      400,
      "guest.cwd_not_found",
    );
  });

  it("a command that takes too long is killed with its group", async () => {
    const answer = await api("POST", `/v1/sandboxes/${id}/exec`, {
      json: { cmd: "echo before; sleep 4242 & sleep 4242", timeout_seconds: 3 },
    });
    expect(answer.status).toBe(504);
    expect(answer.json).toMatchObject({ code: "exec.timeout", exit_code: 124, stdout: "before\n" });
    expect(answer.json.error).toMatch(/timeout/);
    await waitFor(async () => (await run(id, "pgrep -f '^sleep 4242' | wc -l")).stdout.trim() === "0", {
      timeoutMs: 20_000,
      message: "its group lives on",
    });
  });

  it("a command in a paused sandbox", async () => {
    const paused = await sandboxForTest();
    await api("POST", `/v1/sandboxes/${paused}/pause`);
    for (const answer of [
      await api("POST", `/v1/sandboxes/${paused}/exec`, { json: { cmd: "true" } }),
      await api("GET", `/v1/sandboxes/${paused}/fs?path=/etc/passwd`),
      await api("PUT", `/v1/sandboxes/${paused}/fs?path=/root/x`, { body: "x" }),
    ]) {
      expectRefusal(answer, 409, "sandbox.invalid_state");
      expect(answer.json.error).toMatch(/paused.*resume/);
    }
  });

  it.each<[string, string, unknown?]>([
    ["GET", ""],
    ["DELETE", ""],
    ["POST", "/exec", { cmd: "true" }],
    ["POST", "/exec/stream", { cmd: "true" }],
    ["POST", "/pause"],
    ["POST", "/hibernate"],
    ["POST", "/wake"],
    ["POST", "/fork"],
    ["POST", "/fork-tree", { count: 2 }],
    ["POST", "/promote", {}],
    ["POST", "/snapshots"],
    ["GET", "/fs?path=/"],
    ["GET", "/fs/dir"],
    ["GET", "/lifecycle"],
    ["PATCH", "/lifecycle", { ttl_seconds: 1 }],
    ["GET", "/logs"],
    ["GET", "/ports"],
    ["GET", "/processes"],
  ])("%s %s of a foreign id answers as of an unknown one", async (method, path, body) => {
    const { token } = await foreignWorkspace();
    const ask = (which: string) =>
      api(method, `/v1/sandboxes/${which}${path}`, { token, ...(body === undefined ? {} : { json: body }) });
    const [foreign, unknown] = [await ask(id), await ask("z".repeat(20))];
    expect(foreign.status).toBe(404);
    expect(withoutIds(foreign.json, id)).toEqual(withoutIds(unknown.json, "z".repeat(20)));
    expect([...foreign.headers.keys()].toSorted()).toEqual([...unknown.headers.keys()].toSorted());
  });

  it("no token, a wrong one, too small a one", async () => {
    expectRefusal(await api("GET", "/v1/sandboxes", { token: null }), 401, "auth.missing_token");
    expectRefusal(await api("GET", "/v1/sandboxes", { token: "pds_0" }), 401, "auth.invalid_token");
    const read = (await api("POST", "/v1/me/tokens", { json: { label: "read", role: "read" } })).json.token;
    expect((await api("GET", "/v1/sandboxes", { token: read })).status).toBe(200);
    expectRefusal(await api("POST", "/v1/sandboxes", { token: read, json: {} }), 403, "auth.forbidden");
    expect((await api("GET", `/v1/sandboxes/${id}`)).json.status).toBe("running");
  });

  it("paths and methods that are not there", async () => {
    expectRefusal(await api("GET", "/v1/nothing"), 404, "route.not_found");
    expectRefusal(await api("GET", `/v1/sandboxes/${id}/exec/pty`), 426, "route.websocket_only");
    for (const odd of ["%00", "..%2f..%2fetc", "a".repeat(300), "'; drop table sandboxes; --"]) {
      expectRefusal(await api("GET", `/v1/sandboxes/${encodeURIComponent(decodeURIComponent(odd))}`));
    }
  });
});

let foreign: Promise<{ token: string }> | undefined;
function foreignWorkspace(): Promise<{ token: string }> {
  foreign ??= (async () => {
    const slug = `foreign-${crypto.randomUUID().slice(0, 8)}`;
    expect((await api("POST", "/v1/workspaces", { json: { slug } })).status).toBe(201);
    const { json } = await api("POST", `/v1/workspaces/${slug}/tokens`, { json: { role: "admin" } });
    return { token: json.token };
  })();
  return foreign;
}

function withoutIds(body: Record<string, unknown>, id: string): unknown {
  const { request_id: _, ...rest } = body;
  return JSON.parse(JSON.stringify(rest).replaceAll(id, "ID"));
}

function expectRefusal(answer: Answer, status?: number, code?: string): void {
  if (status !== undefined) expect(answer.status, answer.text).toBe(status);
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.status).toBeLessThan(500);
  expect(answer.json).toMatchObject({
    error: expect.stringMatching(/\S/),
    code: expect.stringMatching(/^[a-z_]+\.[a-z_]+$/),
    retryable: expect.any(Boolean),
  });
  if (code !== undefined) expect(answer.json.code).toBe(code);
  // Neither our files nor our database are anyone's business.
  expect(answer.text).not.toMatch(/node_modules|packages\/|\bat \w+ \(|select |postgres/i);
}

/** Sends a body that is announced as 1 GB for as long as the server takes it. */
async function sendEndlessJson(): Promise<{ answer: string; sentBytes: number }> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  const piece = Buffer.alloc(64 * 1024, "a");
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString()));
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.write(
    `POST /v1/sandboxes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.token}\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n{"template":"`,
  );
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  let isClosed = false;
  void closed.then(() => (isClosed = true));
  while (!isClosed && !answer.includes("\r\n\r\n") && socket.bytesWritten < 1_000_000_000) {
    if (!socket.write(piece)) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
    await new Promise(setImmediate);
  }
  const sentBytes = socket.bytesWritten - socket.writableLength;
  await Promise.race([
    closed,
    new Promise((resolve) => socket.once("end", resolve)),
    new Promise((resolve) => setTimeout(resolve, 2_000)),
  ]);
  socket.destroy();
  return { answer, sentBytes };
}
