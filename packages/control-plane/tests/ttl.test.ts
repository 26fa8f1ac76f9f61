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

/** Waits until it is gone, and says how late after its expiry it went, by the database's clock: a busy test machine is not the reaper's fault. */
async function latenessMs(id: string): Promise<number> {
  await waitFor(async () => !(await exists(id)), { timeoutMs: 10_000, message: "it lives on" });
  const { rows } = await server.database.query(
    `select extract(epoch from attempted_at) * 1000 - expires_ms as late from sandboxes where id = '${id}'`,
  );
  return Number(rows[0]!["late"]);
}
const WITHIN_A_SECOND = 1000;

async function expiresMs(id: string): Promise<number> {
  const { rows } = await server.database.query(`select expires_ms from sandboxes where id = '${id}'`);
  return Number(rows[0]!["expires_ms"]);
}

// At the same time: they wait, each for its own sandbox.
describe.concurrent("the idle TTL", () => {
  test("acts within a second of the expiry; the host is rid of it too", async () => {
    const id = await create();
    const late = await latenessMs(id);
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(WITHIN_A_SECOND);
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
    const late = await latenessMs(id);
    clearInterval(timer);
    expect(late).toBeLessThan(WITHIN_A_SECOND);
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
    const id = await create();
    expect((await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "sleep 2.5; echo done" })).body.stdout).toBe(
      "done\n",
    );
    const begun = performance.now();
    expect(await latenessMs(id)).toBeLessThan(WITHIN_A_SECOND);
    expect(performance.now() - begun).toBeGreaterThan(700);
  });

  test("an open stream or terminal keeps it", async () => {
    const [streamed, typed] = [await create({ ttl_seconds: 2 }), await create({ ttl_seconds: 2 })];
    const controller = new AbortController();
    const events = readEvents(
      await openStream(`${server.url}/v1/sandboxes/${streamed}/exec/stream`, { cmd: "sleep 60" }, controller.signal),
    );
    events.next().catch(() => {});
    const socket = await new TestSocket(`${server.url}/v1/sandboxes/${typed}/ssh`).open();
    await delay(4000);
    expect(await exists(streamed)).toBe(true);
    expect(await exists(typed)).toBe(true);
    controller.abort();
    socket.socket.close();
    expect(await latenessMs(streamed)).toBeLessThan(WITHIN_A_SECOND);
    expect(await latenessMs(typed)).toBeLessThan(WITHIN_A_SECOND);
  });

  test("hibernated and paused ones expire, without being woken", async () => {
    const wakes = server.host.state.done["wakeSandbox"] ?? 0;
    const [hibernated, paused] = [await create({ ttl_seconds: 2 }), await create({ ttl_seconds: 2 })];
    await server.api("POST", `/v1/sandboxes/${hibernated}/hibernate`);
    await server.api("POST", `/v1/sandboxes/${paused}/pause`);
    expect(await latenessMs(hibernated)).toBeLessThan(WITHIN_A_SECOND);
    expect(await latenessMs(paused)).toBeLessThan(WITHIN_A_SECOND);
    expect(server.host.state.done["wakeSandbox"] ?? 0).toBe(wakes);
  });

  test("a change of the TTL acts", async () => {
    const id = await create({ ttl_seconds: 100 });
    await server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`, { ttl_seconds: 1 });
    expect(await latenessMs(id)).toBeLessThan(WITHIN_A_SECOND);
  });

  test("another control plane on the same database reaps once, and spares what is busy here", async () => {
    const other = await startControlPlane({ databaseUrl: server.database.url, hostSocket: server.host.socketPath });
    try {
      const [idle, busy] = [await create(), await create()];
      const running = server.api("POST", `/v1/sandboxes/${busy}/exec`, { cmd: "sleep 2.5; echo spared" });
      expect(await latenessMs(idle)).toBeLessThan(WITHIN_A_SECOND);
      expect((await running).body.stdout).toBe("spared\n");
    } finally {
      await other.controlPlane.stop();
    }
  });
});
