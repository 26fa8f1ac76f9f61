import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { setTimeout as delay } from "node:timers/promises";
import { waitFor } from "@pandastack/platform";
import { startControlPlane, startTestServer, type TestServer } from "./support/server.ts";
import { openStream, readEvents } from "./support/server-sent-events.ts";
import { TestSocket } from "./support/sockets.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer({ defaultTtlSeconds: 1 })));
afterAll(() => server.stop());

const create = async (body: unknown = {}): Promise<string> => (await server.api("POST", "/v1/sandboxes", body)).body.id;
const exists = async (id: string) => (await server.api("GET", `/v1/sandboxes/${id}`)).status === 200;

const WITHIN_A_SECOND = 1000;

/**
 * Waits until it is gone: within a second of its expiry, by the database's clock. What the reaper needs, a timer and an answer of
 * the database, this needs as well: for as long as it did not get them the reaper cannot be blamed.
 */
async function expectInTime(id: string): Promise<void> {
  let stallMs = 0;
  for (const begun = performance.now(); ;) {
    const asked = performance.now();
    await delay(50);
    const isThere = await exists(id);
    stallMs = Math.max(stallMs, performance.now() - asked);
    if (!isThere) break;
    expect(performance.now() - begun, "it lives on").toBeLessThan(20_000);
  }
  const { rows } = await server.database.query(
    `select extract(epoch from attempted_at) * 1000 - expires_ms as late from sandboxes where id = '${id}'`,
  );
  const late = Number(rows[0]!["late"]);
  expect(late).toBeGreaterThanOrEqual(0);
  expect(late).toBeLessThan(WITHIN_A_SECOND + stallMs);
}

async function expiresMs(id: string): Promise<number> {
  const { rows } = await server.database.query(`select expires_ms from sandboxes where id = '${id}'`);
  return Number(rows[0]!["expires_ms"]);
}

/** Of those that something begins in: no shorter, since on a busy machine it may begin seconds after the create, and be put off late. */
const USED_TTL_SECONDS = 5;

// At the same time: they wait, each for its own sandbox.
describe.concurrent("the idle TTL", () => {
  test("acts within a second of the expiry; the host is rid of it too", async () => {
    const id = await create();
    await expectInTime(id);
    await waitFor(() => !server.host.state.sandboxes.has(id), { timeoutMs: 10_000, message: "the host still has it" });
    expect((await server.api("DELETE", `/v1/sandboxes/${id}`)).status).toBe(204);
  });

  test("0 is never; persistent is exempt", async () => {
    const [never, persistent] = [await create({ ttl_seconds: 0 }), await create({ ttl_seconds: 1, persistent: true })];
    await delay(2500);
    expect(await exists(never)).toBe(true);
    expect(await exists(persistent)).toBe(true);
  });

  test("looking is no activity", async () => {
    const id = await create();
    const timer = setInterval(() => {
      for (const path of [
        "",
        "/lifecycle",
        "/metrics",
        "/logs",
        "/events",
        "/ports",
        "/util",
        "/fs/dir?path=/",
        "/fs/stat?path=/tmp",
        "/processes",
      ])
        void server.api("GET", `/v1/sandboxes/${id}${path}`);
    }, 200);
    await expectInTime(id).finally(() => clearInterval(timer));
  });

  test.each([
    ["exec", (id: string) => server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" })],
    ["a file written", (id: string) => server.api("PUT", `/v1/sandboxes/${id}/fs?path=/a`, "x")],
    ["a snapshot", (id: string) => server.api("POST", `/v1/sandboxes/${id}/snapshots`)],
    ["resume", (id: string) => server.api("POST", `/v1/sandboxes/${id}/resume`)],
    ["PATCH lifecycle", (id: string) => server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`, {})],
  ])("%s is activity", async (_, use) => {
    const id = await create({ ttl_seconds: 60 });
    for (let times = 0; times < 2; times++) {
      const before = await expiresMs(id);
      expect((await use(id)).status).toBeLessThan(300);
      await waitFor(async () => (await expiresMs(id)) > before, { timeoutMs: 10_000, message: "it is not put off" });
    }
  });

  test("a command that runs for longer than the TTL keeps it, and its end is activity", async () => {
    const id = await create({ ttl_seconds: USED_TTL_SECONDS });
    const begun = Date.now();
    expect((await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "sleep 7; echo done" })).body.stdout).toBe(
      "done\n",
    );
    await expectInTime(id);
    // Not its beginning, nor what was written down while it ran; two clocks are compared, hence a little less.
    expect(await expiresMs(id)).toBeGreaterThan(begun + 7000 + USED_TTL_SECONDS * 1000 - 50);
  });

  test("an open stream or terminal keeps it", async () => {
    const controller = new AbortController();
    const streamed = await create({ ttl_seconds: USED_TTL_SECONDS });
    const events = readEvents(
      await openStream(`${server.url}/v1/sandboxes/${streamed}/exec/stream`, { cmd: "sleep 60" }, controller.signal),
    );
    events.next().catch(() => {});
    const typed = await create({ ttl_seconds: USED_TTL_SECONDS });
    const socket = await new TestSocket(`${server.url}/v1/sandboxes/${typed}/ssh`).open();
    await delay(USED_TTL_SECONDS * 1000 + 2000);
    expect(await exists(streamed)).toBe(true);
    expect(await exists(typed)).toBe(true);
    controller.abort();
    socket.socket.close();
    await Promise.all([expectInTime(streamed), expectInTime(typed)]);
  });

  test("hibernated and paused ones expire, without being woken", async () => {
    const wakes = server.host.state.done["wakeSandbox"] ?? 0;
    const [hibernated, paused] = [await create({ ttl_seconds: 600 }), await create({ ttl_seconds: 600 })];
    expect((await server.api("POST", `/v1/sandboxes/${hibernated}/hibernate`)).status).toBe(200);
    expect((await server.api("POST", `/v1/sandboxes/${paused}/pause`)).status).toBe(204);
    for (const id of [hibernated, paused])
      await server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`, { ttl_seconds: 2 });
    await Promise.all([expectInTime(hibernated), expectInTime(paused)]);
    expect(server.host.state.done["wakeSandbox"] ?? 0).toBe(wakes);
  });

  test("a change of the TTL acts", async () => {
    const id = await create({ ttl_seconds: 100 });
    await server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`, { ttl_seconds: 1 });
    await expectInTime(id);
  });
});

describe("another control plane on the same database", () => {
  let other: Awaited<ReturnType<typeof startControlPlane>>;
  beforeAll(async () => {
    other = await startControlPlane({ databaseUrl: server.database.url, hostSocket: server.host.socketPath });
  });
  afterAll(() => other.controlPlane.stop());

  test("reaps once, and spares what is busy here", async () => {
    const busy = await create({ ttl_seconds: USED_TTL_SECONDS });
    const running = server.api("POST", `/v1/sandboxes/${busy}/exec`, { cmd: "sleep 8; echo spared" });
    const idle = await create();
    await expectInTime(idle);
    expect((await running).body.stdout).toBe("spared\n");
    expect(await exists(busy)).toBe(true);
  });

  test("spares what is busy here, too, when its TTL is made shorter there", async () => {
    const busy = await create({ ttl_seconds: 600 });
    const before = await expiresMs(busy);
    const running = server.api("POST", `/v1/sandboxes/${busy}/exec`, { cmd: "sleep 8; echo spared" });
    await waitFor(async () => (await expiresMs(busy)) > before, { timeoutMs: 10_000, message: "it does not run" });
    const changed = await other.api("PATCH", `/v1/sandboxes/${busy}/lifecycle`, { ttl_seconds: 3 });
    expect(changed.status).toBe(200);
    expect((await running).body.stdout).toBe("spared\n");
    expect(await exists(busy)).toBe(true);
  });
});
