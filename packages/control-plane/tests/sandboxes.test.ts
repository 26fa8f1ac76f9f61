import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

async function create(body: unknown = {}): Promise<string> {
  const { status, body: sandbox } = await server.api("POST", "/v1/sandboxes", body);
  expect(status).toBe(201);
  return sandbox.id as string;
}
const statusOf = async (id: string) => (await server.api("GET", `/v1/sandboxes/${id}`)).body.status;

describe("create", () => {
  test("answers with everything that the contract lists", async () => {
    const { status, body } = await server.api("POST", "/v1/sandboxes", {
      template: "ubuntu-24.04",
      metadata: { a: "1", "secret.key": "hush" },
      cpu: 64,
      memory_mb: 1,
      disk_gb: 1,
    });
    expect(status).toBe(201);
    expect(body.id).toMatch(/^[a-z0-9]{20}$/);
    expect(body).toMatchObject({
      template: "base",
      status: "running",
      cpu: 2,
      memory_mb: 512,
      host_tap: "tap0",
      vsock_cid: 0,
      metadata: { a: "1", "secret.key": "[redacted]" },
      boot_mode: "snapshot",
      boot_ms: 42,
      runtime: "fake",
      isolation: "fake",
      persistent: false,
      ttl_seconds: 3600,
      workspace: "default",
    });
    expect(body.guest_ip).toMatch(/^10\.200\./);
    expect(Date.parse(body.expires_at) - Date.parse(body.created_at)).toBeGreaterThan(3_590_000);
    expect((await server.api("GET", `/v1/sandboxes/${body.id}`)).body).toMatchObject({
      id: body.id,
      metadata: { "secret.key": "[redacted]" },
    });
  });

  test("works without a body, typed as the published client types nothing", async () => {
    const reply = await server.api("POST", "/v1/sandboxes", undefined, {
      headers: { "content-type": "text/plain;charset=UTF-8" },
    });
    expect(reply.status).toBe(201);
    expect(reply.body.template).toBe("base");
  });

  test("drops metadata keys that belong to the platform", async () => {
    const id = await create({
      metadata: {
        workspace: "x",
        kind: "pool",
        "app.id": "1",
        fork_tree_id: "t",
        forked_from: "f",
        mine: "yes",
        "port.3000": "web",
      },
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}`)).body.metadata).toEqual({ mine: "yes", "port.3000": "web" });
  });

  test("env reaches every command and no reply", async () => {
    const created = await server.api("POST", "/v1/sandboxes", { env: { GREETING: "hi there" } });
    expect(JSON.stringify(created.body)).not.toContain("hi there");
    expect(
      (await server.api("POST", `/v1/sandboxes/${created.body.id}/exec`, { cmd: "env GREETING" })).body.stdout,
    ).toBe("hi there\n");
    const dump = await server.database.query("select sandboxes::text as t from sandboxes");
    expect(JSON.stringify(dump.rows)).not.toContain("hi there");
  });

  test.each([
    [
      "unknown template",
      { template: "nope" },
      400,
      "template.not_found",
      /template: there is no template "nope"; there are base, code-interpreter/,
    ],
    ["template of a wrong type", { template: 5 }, 400, "validation.failed", /^template: .*string/],
    ["negative ttl", { ttl_seconds: -1 }, 400, "validation.failed", /^ttl_seconds: /],
    ["fractional ttl", { ttl_seconds: 1.5 }, 400, "validation.failed", /^ttl_seconds: /],
    ["ttl as text", { ttl_seconds: "60" }, 400, "validation.failed", /^ttl_seconds: /],
    ["metadata value that is no text", { metadata: { n: 5 } }, 400, "validation.failed", /^metadata\.n: /],
    ["metadata that is a list", { metadata: ["a"] }, 400, "validation.failed", /^metadata: /],
    ["env value that is no text", { env: { A: 1 } }, 400, "validation.failed", /^env\.A: /],
    ["env name with =", { env: { "A=B": "1" } }, 400, "validation.failed", /^env\.A=B: /],
    ["persistent as text", { persistent: "yes" }, 400, "validation.failed", /^persistent: /],
    ["unknown runtime", { runtime: "gvisor" }, 400, "runtime.unavailable", /^runtime: .*auto, microvm/],
    ["volumes", { volumes: [{ name: "data" }] }, 501, "not_implemented", /^volumes: /],
    [
      "unknown snapshot",
      { from_snapshot: "9f8c1c1e-0000-4000-8000-000000000000" },
      404,
      "snapshot.not_found",
      /snapshot/,
    ],
    ["snapshot id that is none", { from_snapshot: "x" }, 404, "snapshot.not_found", /snapshot/],
    ["body that is a list", [], 400, "validation.failed", /^body: /],
    ["body that is a number", "5", 400, "validation.failed", /^body: /],
    ["broken JSON", '{"template":', 400, "validation.bad_json", /JSON/],
  ])("refuses %s", async (_, body, status, code, text) => {
    const before = (await server.api("GET", "/v1/sandboxes")).body.length;
    const reply = await server.api("POST", "/v1/sandboxes", body);
    expect(reply.body).toMatchObject({
      code,
      error: expect.stringMatching(text),
      retryable: false,
      request_id: reply.headers.get("x-request-id"),
    });
    expect(reply.status).toBe(status);
    expect((await server.api("GET", "/v1/sandboxes")).body.length).toBe(before);
  });

  test("null means absent; empty volumes are none", async () => {
    const reply = await server.api("POST", "/v1/sandboxes", {
      template: null,
      ttl_seconds: null,
      metadata: null,
      env: null,
      from_snapshot: null,
      volumes: [],
      persistent: null,
    });
    expect(reply).toMatchObject({ status: 201, body: { ttl_seconds: 3600, template: "base" } });
  });

  test("a host's refusal passes, with Retry-After, and leaves no row", async () => {
    const before = (await server.api("GET", "/v1/sandboxes")).body.length;
    server.host.script("createSandbox", { refuse: "capacity.unavailable", retryAfterSeconds: 3 });
    const reply = await server.api("POST", "/v1/sandboxes");
    expect(reply).toMatchObject({ status: 429, body: { code: "capacity.unavailable", retryable: true } });
    expect(reply.headers.get("retry-after")).toBe("3");
    server.host.script("createSandbox", { refuse: "capacity.insufficient_memory" });
    expect(await server.api("POST", "/v1/sandboxes")).toMatchObject({
      status: 507,
      body: { code: "capacity.insufficient_memory" },
    });
    expect((await server.api("GET", "/v1/sandboxes")).body.length).toBe(before);
  });

  test("an answer that was lost on the way is asked for again: one sandbox", async () => {
    const done = server.host.state.done["createSandbox"] ?? 0;
    server.host.script("createSandbox", { loseAnswer: true });
    const reply = await server.api("POST", "/v1/sandboxes");
    expect(reply.status).toBe(201);
    expect(server.host.state.done["createSandbox"]).toBe(done + 1);
  });
});

describe("list and delete", () => {
  test("newest first, a bare array, without deleted ones", async () => {
    const first = await create();
    const second = await create();
    const list = (await server.api("GET", "/v1/sandboxes")).body;
    expect(list.map((sandbox: { id: string }) => sandbox.id).slice(0, 2)).toEqual([second, first]);
    await server.api("DELETE", `/v1/sandboxes/${second}`);
    expect((await server.api("GET", "/v1/sandboxes")).body[0].id).toBe(first);
  });

  test("delete is repeatable; afterwards the id is unknown to everything", async () => {
    const id = await create();
    expect((await server.api("DELETE", `/v1/sandboxes/${id}`)).status).toBe(204);
    expect((await server.api("DELETE", `/v1/sandboxes/${id}`)).status).toBe(204);
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/lifecycle"],
      ["POST", "/pause"],
      ["POST", "/wake"],
      ["GET", "/events"],
      ["GET", "/fs?path=/x"],
    ] as const) {
      expect(await server.api(method, `/v1/sandboxes/${id}${path}`)).toMatchObject({
        status: 404,
        body: { code: "sandbox.not_found" },
      });
    }
    expect(server.host.state.sandboxes.has(id)).toBe(false);
  });

  test.each(["nope", "00000000000000000000", "9f8c1c1e-0000-4000-8000-000000000000", "%00", "a".repeat(900)])(
    "an id that never was: %s",
    async (id) => {
      const get = await server.api("GET", `/v1/sandboxes/${id}`);
      expect(get).toMatchObject({
        status: 404,
        body: { code: "sandbox.not_found", error: "no such sandbox in this workspace" },
      });
      expect((await server.api("DELETE", `/v1/sandboxes/${id}`)).status).toBe(404);
    },
  );
});

describe("states", () => {
  test("pause, resume, and what is refused while paused", async () => {
    const id = await create();
    expect((await server.api("POST", `/v1/sandboxes/${id}/pause`)).status).toBe(204);
    expect(await statusOf(id)).toBe("paused");
    expect((await server.api("POST", `/v1/sandboxes/${id}/pause`)).status).toBe(204);
    const exec = await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" });
    expect(exec).toMatchObject({
      status: 409,
      body: {
        code: "sandbox.invalid_state",
        error: "the sandbox is paused; resume or wake it first",
        details: { status: "paused" },
      },
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}/fs?path=/x`)).status).toBe(409);
    expect((await server.api("PUT", `/v1/sandboxes/${id}/fs?path=/x`, "x")).status).toBe(409);
    expect((await server.api("POST", `/v1/sandboxes/${id}/resume`)).status).toBe(204);
    expect((await server.api("POST", `/v1/sandboxes/${id}/resume`)).status).toBe(204);
    expect(await statusOf(id)).toBe("running");
  });

  test("wake resumes a paused one", async () => {
    const id = await create();
    await server.api("POST", `/v1/sandboxes/${id}/pause`);
    expect(await server.api("POST", `/v1/sandboxes/${id}/wake`)).toMatchObject({
      status: 200,
      body: { status: "running" },
    });
  });

  test.each([
    ["hibernate", "wake"],
    ["stop", "start"],
  ])("%s and %s", async (down, up) => {
    const id = await create();
    expect(await server.api("POST", `/v1/sandboxes/${id}/${down}`)).toMatchObject({
      status: 200,
      body: { status: "hibernated" },
    });
    expect(await server.api("POST", `/v1/sandboxes/${id}/${down}`)).toMatchObject({
      status: 200,
      body: { status: "hibernated" },
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}`)).body).toMatchObject({ status: "hibernated", guest_ip: "" });
    expect(await server.api("POST", `/v1/sandboxes/${id}/${up}`)).toMatchObject({
      status: 200,
      body: { status: "running" },
    });
    expect(await server.api("POST", `/v1/sandboxes/${id}/${up}`)).toMatchObject({
      status: 200,
      body: { status: "running" },
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}`)).body.boot_mode).toBe("wake");
  });

  test.each([
    ["GET", "", false],
    ["GET", "/lifecycle", false],
    ["GET", "/metrics", false],
    ["GET", "/util", false],
    ["GET", "/logs", false],
    ["GET", "/events", false],
    ["GET", "/ports", false],
    ["PATCH", "/lifecycle", false],
    ["POST", "/fork", false],
    ["POST", "/exec", true],
    ["POST", "/exec/stream", true],
    ["GET", "/fs?path=/f", true],
    ["PUT", "/fs?path=/f", true],
    ["GET", "/fs/dir?path=/", true],
    ["GET", "/fs/stat?path=/f", true],
    ["POST", "/snapshots", true],
    ["POST", "/resume", true],
    ["GET", "/processes", true],
  ] as const)("hibernated: %s %s wakes: %s", async (method, path, wakes) => {
    const id = await create();
    await server.api("PUT", `/v1/sandboxes/${id}/fs?path=/f`, "f");
    await server.api("POST", `/v1/sandboxes/${id}/hibernate`);
    const body = path.startsWith("/exec")
      ? { cmd: "true" }
      : method === "PUT"
        ? "x"
        : method === "PATCH"
          ? { ttl_seconds: 100 }
          : undefined;
    const reply = await server.api(method, `/v1/sandboxes/${id}${path}`, body);
    expect(reply.status).toBeLessThan(300);
    expect(await statusOf(id)).toBe(wakes ? "running" : "hibernated");
  });

  test("many uses at once wake once", async () => {
    const id = await create();
    await server.api("POST", `/v1/sandboxes/${id}/hibernate`);
    const done = server.host.state.done["wakeSandbox"] ?? 0;
    server.host.script("wakeSandbox", { delayMs: 100 });
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "echo up" })),
    );
    expect(replies.map((reply) => reply.status)).toEqual(Array(20).fill(200));
    expect(server.host.state.done["wakeSandbox"]).toBe(done + 1);
  });

  test("a wake that fails says so", async () => {
    const id = await create();
    await server.api("POST", `/v1/sandboxes/${id}/hibernate`);
    server.host.script("wakeSandbox", { refuse: "sandbox.wake_failed" });
    expect(await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" })).toMatchObject({
      status: 503,
      body: { code: "sandbox.wake_failed", retryable: true },
    });
    expect((await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" })).status).toBe(200);
  });

  test("a host that hibernated by itself is believed: the next use wakes", async () => {
    const id = await create();
    const sandbox = server.host.state.sandbox(id);
    sandbox.info = { ...sandbox.info, state: "hibernated", guestIp: null };
    expect((await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "echo back" })).body.stdout).toBe("back\n");
    const again = server.host.state.sandbox(id);
    again.info = { ...again.info, state: "hibernated", guestIp: null };
    expect((await server.api("PUT", `/v1/sandboxes/${id}/fs?path=/x`, "written")).status).toBe(200);
  });

  test("a machine that dies makes the sandbox failed, by the host's event", async () => {
    const id = await create();
    server.host.state.die(id);
    await waitFor(async () => (await statusOf(id)) === "failed", {
      timeoutMs: 3000,
      message: "the row does not say failed",
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}`)).body.reason).toBe("its machine died");
    expect(await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" })).toMatchObject({
      status: 409,
      body: { code: "sandbox.invalid_state" },
    });
    expect((await server.api("POST", `/v1/sandboxes/${id}/wake`)).status).toBe(200);
    expect((await server.api("DELETE", `/v1/sandboxes/${id}`)).status).toBe(204);
  });

  test("a sandbox that its host has lost is failed, not forgotten", async () => {
    const id = await create();
    server.host.state.sandboxes.delete(id);
    expect(await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" })).toMatchObject({
      status: 409,
      body: { code: "sandbox.invalid_state" },
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}`)).body).toMatchObject({
      status: "failed",
      reason: "its host no longer has it",
    });
  });
});

describe("lifecycle", () => {
  test("get and patch", async () => {
    const id = await create({ ttl_seconds: 500 });
    expect((await server.api("GET", `/v1/sandboxes/${id}/lifecycle`)).body).toMatchObject({
      ttl_seconds: 500,
      persistent: false,
      idle_seconds: 0,
    });
    expect(await server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`, { ttl_seconds: 900 })).toMatchObject({
      status: 200,
      body: { ttl_seconds: 900 },
    });
    expect(await server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`, { persistent: true })).toMatchObject({
      status: 200,
      body: { ttl_seconds: 900, persistent: true, expires_at: null },
    });
    expect(server.host.state.sandbox(id).info.persistent).toBe(true);
    expect(
      await server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`, { persistent: false, ttl_seconds: null }),
    ).toMatchObject({ status: 200, body: { ttl_seconds: 0, persistent: false, expires_at: null } });
    expect(await server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`, { ttl_seconds: -5 })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^ttl_seconds: /) },
    });
    expect(await server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`)).toMatchObject({ status: 400 });
  });
});
