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
      timeoutMs: 10_000,
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

  test("one whose machine dies and is started again before anyone looks is shown with its new machine", async () => {
    const id = await create();
    server.host.state.dieAndStartAgain(id);
    const shown = async () => (await server.api("GET", `/v1/sandboxes/${id}`)).body;
    // Long before all rows are compared with the host.
    await waitFor(async () => (await shown()).boot_mode === "cold", { timeoutMs: 10_000, message: "it is not shown" });
    expect(await shown()).toMatchObject({ status: "running", boot_mode: "cold", guest_ip: "10.200.9.9" });
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
    const begun = performance.now();
    const id = await create({ ttl_seconds: 500 });
    const { body } = await server.api("GET", `/v1/sandboxes/${id}/lifecycle`);
    expect(body).toMatchObject({ ttl_seconds: 500, persistent: false });
    expect(body.idle_seconds).toBeLessThanOrEqual(Math.ceil((performance.now() - begun) / 1000));
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
