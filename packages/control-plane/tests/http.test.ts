import { globSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { operations, type Operation } from "@pandastack/contracts";
import { waitFor } from "@pandastack/platform";
import { ADMIN_TOKEN, startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

describe("the envelope", () => {
  test("an unknown route", async () => {
    expect(await server.api("GET", "/v1/nothing?access_token=secret")).toMatchObject({
      status: 404,
      body: {
        error: "no such route: GET /v1/nothing",
        code: "route.not_found",
        retryable: false,
        request_id: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
    });
  });

  test("a request id is repeated, or made; one that cannot be repeated safely is replaced", async () => {
    expect(
      (await server.api("GET", "/v1/me", undefined, { headers: { "x-request-id": "trace-1:2" } })).headers.get(
        "x-request-id",
      ),
    ).toBe("trace-1:2");
    expect((await server.api("GET", "/v1/me")).headers.get("x-request-id")).toMatch(/^[0-9a-f]{16}$/);
    expect(
      (await server.api("GET", "/v1/me", undefined, { headers: { "x-request-id": "a b<script>" } })).headers.get(
        "x-request-id",
      ),
    ).toMatch(/^[0-9a-f]{16}$/);
  });

  test("a path that cannot be decoded", async () => {
    const reply = await server.api("GET", "/v1/sandboxes/%E0%A4%A");
    expect(reply).toMatchObject({ status: 400, body: { code: "validation.failed", error: expect.any(String) } });
  });

  test("bytes that are no HTTP are answered and change nothing", async () => {
    const { port } = new URL(server.url);
    const text = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1", () => socket.write("NONSENSE\r\n\r\n"));
      let all = "";
      socket.on("data", (data) => (all += data)).on("close", () => resolve(all));
    });
    expect(text).toContain("400");
    expect((await server.api("GET", "/healthz")).status).toBe(200);
  });

  test("nothing internal is told: a bug is 'internal error'", async () => {
    server.host.state.info = () => ({ nonsense: true }) as never;
    try {
      // What the host says of itself is asked every second.
      await waitFor(async () => (await server.api("GET", "/v1/hosts")).status !== 200, {
        timeoutMs: 15_000,
        message: "nothing goes wrong",
      });
      const reply = await server.api("GET", "/v1/hosts");
      expect(reply).toMatchObject({
        status: 500,
        body: { error: "internal error", code: "internal.error", retryable: false },
      });
      expect(Object.keys(reply.body).toSorted()).toEqual(["code", "error", "request_id", "retryable"]);
    } finally {
      delete (server.host.state as { info?: unknown }).info;
      await waitFor(async () => (await server.api("GET", "/v1/hosts")).status === 200, {
        timeoutMs: 15_000,
        message: "it goes wrong still",
      });
    }
  });

  test("no text makes the published client repeat what it has done", async () => {
    const original = server.host.state.sandbox.bind(server.host.state);
    const { body } = await server.api("POST", "/v1/sandboxes");
    server.host.script("pauseSandbox", { refuse: "port.connection_refused" });
    const reply = await server.api("POST", `/v1/sandboxes/${body.id}/pause`);
    expect(reply.status).toBe(502);
    expect(reply.body.error).not.toMatch(/connect: connection refused|no route to host|i\/o timeout/);
    expect(original).toBeTypeOf("function");
  });

  test("errors are objects with a text under `error`, on every operation", async () => {
    for (const operation of Object.values(operations) as Operation[]) {
      if (operation.role === "public" || operation.replies[101] !== undefined) continue;
      const reply = await server.api(operation.method, operation.path.replaceAll(/\{\w+\}/g, "x"), undefined, {
        token: null,
      });
      expect(reply).toMatchObject({ status: 401, body: { error: expect.any(String), code: "auth.missing_token" } });
    }
  });
});

describe("bodies", () => {
  test("1 GB of JSON is refused at its head, and the caller gets to read that", async () => {
    const reply = await request(`${server.url}/v1/sandboxes`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        "content-type": "application/json",
        "content-length": String(1024 ** 3),
      },
      body: Readable.from(
        (function* () {
          const block = Buffer.alloc(1024 * 1024, " ");
          for (let i = 0; i < 1024; i++) yield block;
        })(),
      ),
    });
    expect(reply.statusCode).toBe(413);
    expect(await reply.body.json()).toMatchObject({
      code: "validation.body_too_large",
      error: expect.stringContaining("1048576"),
    });
  });

  test("the same without a length: memory stays flat", async () => {
    const before = process.memoryUsage().rss;
    const reply = await request(`${server.url}/v1/sandboxes`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      body: Readable.from(
        (function* () {
          const block = Buffer.alloc(64 * 1024, " ");
          for (let i = 0; i < 4096; i++) yield block;
        })(),
      ),
    });
    expect(reply.statusCode).toBe(413);
    await reply.body.dump();
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  test("1 MiB is still fine", async () => {
    expect(
      await server.api("POST", "/v1/sandboxes", JSON.stringify({ template: "base" }).padEnd(1024 * 1024, " ")),
    ).toMatchObject({ status: 201 });
    expect(
      await server.api("POST", "/v1/sandboxes", JSON.stringify({ template: "base" }).padEnd(1024 * 1024 + 1, " ")),
    ).toMatchObject({ status: 413 });
  });

  test("an unknown caller's body is not read", async () => {
    const reply = await request(`${server.url}/v1/sandboxes`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{broken",
    });
    expect(reply.statusCode).toBe(401);
    await reply.body.dump();
  });

  test("POSTs without a body in every way that clients send them", async () => {
    const { body } = await server.api("POST", "/v1/sandboxes");
    const { port } = new URL(server.url);
    for (const headers of [
      { "content-type": "text/plain;charset=UTF-8", "content-length": "0" },
      { "content-length": "0" },
      {},
      { "content-type": "application/json", "content-length": "0" },
    ]) {
      for (const action of ["pause", "resume", "hibernate", "wake", "snapshots", "fork"]) {
        const status = await new Promise<number>((resolve, reject) => {
          httpRequest(
            {
              port,
              method: "POST",
              path: `/v1/sandboxes/${body.id}/${action}`,
              headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers },
            },
            (response) => {
              response.resume();
              resolve(response.statusCode ?? 0);
            },
          )
            .on("error", reject)
            .end();
        });
        expect(status, `${action} with ${JSON.stringify(headers)}`).toBeLessThan(300);
      }
    }
  });
});

describe("cross-origin", () => {
  test("any page may ask, with any header", async () => {
    const preflight = await fetch(`${server.url}/v1/sandboxes`, {
      method: "OPTIONS",
      headers: {
        origin: "https://page",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-methods")).toBe("GET, POST, PUT, PATCH, DELETE, OPTIONS");
    expect(preflight.headers.get("access-control-allow-headers")).toBe("authorization,content-type");
    for (const reply of [
      await server.api("GET", "/v1/me"),
      await server.api("GET", "/v1/me", undefined, { token: null }),
      await server.api("GET", "/none"),
    ]) {
      expect(reply.headers.get("access-control-allow-origin")).toBe("*");
      expect(reply.headers.get("set-cookie")).toBeNull();
    }
  });
});

describe("about the server", () => {
  test("health, readiness, version", async () => {
    expect(await server.api("GET", "/healthz", undefined, { token: null })).toMatchObject({
      status: 200,
      body: { status: "ok", checks: { database: "ok", compute: "ok" } },
    });
    const ready = await waitFor(
      async () => {
        const answer = await server.api("GET", "/readyz", undefined, { token: null });
        return answer.status === 200 && answer;
      },
      { timeoutMs: 10_000, message: "it does not become ready" },
    );
    expect(ready).toMatchObject({ status: 200, body: { status: "ok" } });
    expect(await server.api("GET", "/version", undefined, { token: null })).toMatchObject({
      status: 200,
      body: { service: "pandastack", semver: expect.stringMatching(/^\d+\.\d+\.\d+/) },
    });
    server.host.state.isReady = false;
    expect(await server.api("GET", "/readyz")).toMatchObject({
      status: 503,
      body: { status: "degraded", degraded: ["compute"], reasons: { compute: "templates are being baked" } },
    });
    server.host.state.isReady = true;
    expect((await server.api("GET", "/readyz")).headers.get("cache-control")).toBe("no-store");
  });

  test("metrics in Prometheus's format", async () => {
    const measured = async () => {
      const text = (await server.api("GET", "/metrics", undefined, { token: null })).body as string;
      const count = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
      return {
        commands: count(`sandbox_exec_duration_seconds_count\\{result="ok"\\}`),
        forks: count("sandbox_fork_duration_seconds_count"),
      };
    };
    const { id } = (await server.api("POST", "/v1/sandboxes")).body;
    const before = await measured();
    for (const path of ["exec", "exec/stream"])
      await server.api("POST", `/v1/sandboxes/${id}/${path}`, { cmd: "true" });
    expect((await server.api("POST", `/v1/sandboxes/${id}/fork`, { count: 2 })).status).toBe(201);
    const { status, body, headers } = await server.api("GET", "/metrics", undefined, { token: null });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain("text/plain");
    expect(body).toMatch(/^http_requests_total\{operation="createSandbox",method="POST",status="201"\} \d+$/m);
    expect(body).toMatch(/^sandboxes\{status="running"\} \d+$/m);
    expect(body).toMatch(/^sandbox_creates_total\{result="ok",boot_mode="snapshot"\} \d+$/m);
    expect(body).toMatch(/^sandbox_boot_duration_seconds_count \d+$/m);
    expect(await measured()).toEqual({ commands: before.commands + 2, forks: before.forks + 1 });
    const { memory, pool } = (await server.api("GET", "/v1/hosts")).body[0];
    expect(body).toContain(`\nhost_memory_total_bytes{host="stand-in"} ${memory.total_bytes}\n`);
    expect(body).toContain(`\nhost_pool_total_bytes{host="stand-in"} ${pool.total_bytes}\n`);
    expect(body).toContain(`\nhost_pool_available_bytes{host="stand-in"} ${pool.available_bytes}\n`);
    expect(body).toMatch(/^host_memory_available_bytes\{host="stand-in"\} \d+$/m);
    expect(body).toMatch(/^host_ready 1$/m);
    expect(body).not.toContain(ADMIN_TOKEN);
  });

  test("hosts say honestly what isolates", async () => {
    expect((await server.api("GET", "/v1/hosts")).body).toEqual([
      expect.objectContaining({
        id: "stand-in",
        ready: true,
        runtimes: [
          expect.objectContaining({
            name: "fake",
            isolation: "fake",
            is_security_boundary: false,
            explanation: expect.stringContaining("No isolation"),
          }),
        ],
      }),
    ]);
  });

  test("templates: a bare array; aliases lead to base", async () => {
    const list = (await server.api("GET", "/v1/templates")).body;
    const names = list.map((template: { name: string }) => template.name);
    // A folder without a recipe holds what several of them share.
    const recipes = globSync("*/template.yaml", { cwd: fileURLToPath(new URL("../../../templates", import.meta.url)) });
    expect(names.toSorted()).toEqual(recipes.map((path) => dirname(path)).toSorted());
    expect(list.find((template: { name: string }) => template.name === "base")).toMatchObject({
      is_global: true,
      cpu: 2,
      memory_mb: 512,
      status: "ready",
      aliases: ["ubuntu-24.04", "ubuntu-24.04-net", "node"],
      rootfs_path: "/var/lib/pandastack/templates/base/rootfs.ext4",
    });
    expect((await server.api("GET", "/v1/templates/ubuntu-24.04")).body.name).toBe("base");
    expect(await server.api("GET", "/v1/templates/a%2Fb")).toMatchObject({
      status: 404,
      body: { code: "template.unknown" },
    });
  });
});
