import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

async function create(body: unknown = {}): Promise<string> {
  const { status, body: sandbox } = await server.api("POST", "/v1/sandboxes", body);
  expect(status).toBe(201);
  return sandbox.id as string;
}

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
    ["unknown runtime", { runtime: "docker" }, 400, "runtime.unavailable", /^runtime: .*auto, microvm/],
    ["unknown volume", { volumes: [{ name: "data" }] }, 404, "volume.not_found", /"data"/],
    ["volume with a bad name", { volumes: [{ name: "../x" }] }, 400, "validation.failed", /^volumes\.0\.name: /],
    [
      "volume over the system",
      { volumes: [{ name: "data", path: "/etc" }] },
      400,
      "validation.failed",
      /^volumes\.0\.path: /,
    ],
    [
      "too many volumes",
      { volumes: ["a", "b", "c", "d", "e"].map((name) => ({ name })) },
      400,
      "validation.failed",
      /^volumes: /,
    ],
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
