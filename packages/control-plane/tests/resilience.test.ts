import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { PRESENCE_TIMEOUT_MS } from "../src/persistence/presence.ts";
import { limitsWith, startControlPlane, startTestServer, TEST_SETTINGS, type TestServer } from "./support/server.ts";
import { collect, openStream, readEvents } from "./support/server-sent-events.ts";
import { TestPostgres } from "./support/postgres.ts";
import { StandInHost } from "./support/stand-in/host.ts";

/** Sooner than rows and host are compared without a reason, which is every 15 s. */
async function waitUntilReady({ api }: Pick<TestServer, "api">): Promise<void> {
  let said: unknown;
  await waitFor(
    async () => {
      const { status, body } = await api("GET", "/readyz");
      said = body;
      return status === 200;
    },
    { timeoutMs: 10_000, message: "not ready again" },
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(said)}`);
  });
}

/** Resolves when so many more have knocked at the host agent's door in vain. */
async function knockedInVain(times: number): Promise<void> {
  let knocks = 0;
  const note = (message: unknown) => {
    if ((message as { connectParams: { hostname: string } }).connectParams.hostname === "host-agent") knocks += 1;
  };
  subscribe("undici:client:connectError", note);
  try {
    await waitFor(() => knocks >= times, { timeoutMs: 10_000, intervalMs: 10, message: "nobody asks the host" });
  } finally {
    unsubscribe("undici:client:connectError", note);
  }
}

describe("the host agent", () => {
  let server: TestServer;
  beforeEach(async () => (server = await startTestServer()));
  afterEach(() => server.stop());

  /** A create that the host has begun; `go` lets it do it. */
  async function createUnderWay() {
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    server.host.script("createSandbox", { after });
    const create = server.api("POST", "/v1/sandboxes");
    await waitFor(() => server.host.arrivalsMs.createSandbox?.length === 1, {
      timeoutMs: 10_000,
      intervalMs: 10,
      message: "it does not come to the host",
    });
    return { create, go };
  }
  /** Done by the host, which can tell nobody. */
  const isDone = () =>
    waitFor(() => server.host.state.sandboxes.size === 1, { timeoutMs: 10_000, intervalMs: 10, message: "not done" });

  test("away: creates and commands are 503 and retriable, what needs only the database works, readyz says so", async () => {
    const { body } = await server.api("POST", "/v1/sandboxes");
    await server.host.kill();
    const [create, exec] = await Promise.all([
      server.api("POST", "/v1/sandboxes"),
      server.api("POST", `/v1/sandboxes/${body.id}/exec`, { cmd: "true" }),
    ]);
    for (const reply of [create, exec]) {
      expect(reply).toMatchObject({ status: 503, body: { code: "host.unavailable", retryable: true } });
      expect(reply.headers.get("retry-after")).toBe("1");
      expect(reply.body.error).not.toMatch(/ECONN|ENOENT|sock/);
    }
    expect((await server.api("GET", `/v1/sandboxes/${body.id}`)).status).toBe(200);
    expect((await server.api("GET", "/healthz")).status).toBe(200);
    expect(await server.api("GET", "/readyz")).toMatchObject({ status: 503, body: { degraded: ["compute"] } });
    await server.host.start();
    await waitUntilReady(server);
    expect((await server.api("POST", "/v1/sandboxes")).status).toBe(201);
    // The refused create left no row that anyone sees, and nothing on the host.
    await waitFor(
      async () => (await server.api("GET", "/v1/sandboxes")).body.length === server.host.state.sandboxes.size,
      { timeoutMs: 12_000, message: "rows and host differ" },
    );
  });

  test("restarted within moments: nobody notices", async () => {
    await server.host.kill();
    const create = server.api("POST", "/v1/sandboxes");
    await waitFor(() => server.controlPlane.parts.work.inFlight === 1, {
      timeoutMs: 10_000,
      intervalMs: 10,
      message: "not begun",
    });
    await knockedInVain(3);
    await server.host.start();
    expect((await create).status).toBe(201);
  });

  test("killed while it creates, and back: one sandbox, one answer", async () => {
    const { create, go } = await createUnderWay();
    await server.host.kill();
    go();
    await isDone();
    await server.host.start();
    const reply = await create;
    expect(reply.status).toBe(201);
    expect(server.host.state.sandboxes.size).toBe(1);
    expect(server.host.state.sandboxes.has(reply.body.id)).toBe(true);
  });

  test("killed while it creates, and gone: a clear answer, and in the end nothing on either side", async () => {
    const { create, go } = await createUnderWay();
    await server.host.kill();
    go();
    await isDone();
    expect(await create).toMatchObject({ status: 503, body: { code: "host.unavailable", retryable: true } });
    expect((await server.api("GET", "/v1/sandboxes")).body).toEqual([]);
    await server.host.start();
    await waitFor(() => server.host.state.sandboxes.size === 0, { timeoutMs: 15_000, message: "the host keeps it" });
    await waitFor(
      async () => (await server.database.query("select from sandboxes where deleted_at is null")).rows.length === 0,
      { timeoutMs: 10_000, message: "the row stays" },
    );
  });

  test("a delete while it is away: 503, but wanted; it happens when the host is back", async () => {
    const { body } = await server.api("POST", "/v1/sandboxes");
    await server.host.kill();
    expect(await server.api("DELETE", `/v1/sandboxes/${body.id}`)).toMatchObject({ status: 503 });
    expect((await server.api("GET", `/v1/sandboxes/${body.id}`)).status).toBe(404);
    await server.host.start();
    await waitFor(() => !server.host.state.sandboxes.has(body.id), { timeoutMs: 15_000, message: "the host keeps it" });
    expect((await server.api("DELETE", `/v1/sandboxes/${body.id}`)).status).toBe(204);
  });

  test("back, but failing once as it is compared with the records: ready again with the next pass", async () => {
    await waitUntilReady(server);
    await server.host.kill();
    server.host.failingLists = 1;
    await server.host.start();
    await waitFor(() => server.host.failingLists === 0, { timeoutMs: 10_000, message: "nothing was compared" });
    await waitUntilReady(server);
  });

  test("with a new journal: commands reach it in its new epoch, and what it lost is failed", async () => {
    const { body } = await server.api("POST", "/v1/sandboxes");
    await server.host.kill();
    server.host.state.sandboxes.clear();
    server.host.state.events.length = 0;
    server.host.state.epoch = "another";
    await server.host.start();
    expect((await server.api("POST", "/v1/sandboxes")).status).toBe(201);
    await waitFor(async () => (await server.api("GET", `/v1/sandboxes/${body.id}`)).body.status === "failed", {
      timeoutMs: 10_000,
      message: "not failed",
    });
  });
});

describe("the control plane", () => {
  let server: TestServer;
  beforeAll(async () => (server = await startTestServer()));
  afterAll(() => server.stop());

  test("a create whose control plane died is undone, once that is certain", async () => {
    const { body } = await server.api("POST", "/v1/sandboxes");
    await server.database.query(
      `update sandboxes set status = 'creating', owner = gen_random_uuid(), attempted_at = now() - interval '1 minute' where id = '${body.id}'`,
    );
    await waitFor(() => !server.host.state.sandboxes.has(body.id), {
      timeoutMs: PRESENCE_TIMEOUT_MS + 10_000,
      message: "not undone",
    });
    expect((await server.api("GET", `/v1/sandboxes/${body.id}`)).status).toBe(404);
  });

  test("two of them on one database serve the same sandboxes, states and deletions", async () => {
    const other = await startControlPlane({ databaseUrl: server.database.url, hostSocket: server.host.socketPath });
    try {
      const { body } = await server.api("POST", "/v1/sandboxes");
      expect((await other.api("POST", `/v1/sandboxes/${body.id}/exec`, { cmd: "echo both" })).body.stdout).toBe(
        "both\n",
      );
      await other.api("POST", `/v1/sandboxes/${body.id}/hibernate`);
      expect((await server.api("GET", `/v1/sandboxes/${body.id}`)).body.status).toBe("hibernated");
      const wakes = server.host.state.done["wakeSandbox"] ?? 0;
      await Promise.all([
        server.api("POST", `/v1/sandboxes/${body.id}/exec`, { cmd: "true" }),
        other.api("POST", `/v1/sandboxes/${body.id}/exec`, { cmd: "true" }),
      ]);
      expect((server.host.state.done["wakeSandbox"] ?? 0) - wakes).toBeLessThanOrEqual(2);
      expect((await other.api("GET", `/v1/sandboxes/${body.id}`)).body.status).toBe("running");
      await Promise.all([
        server.api("DELETE", `/v1/sandboxes/${body.id}`),
        other.api("DELETE", `/v1/sandboxes/${body.id}`),
      ]);
      expect((await other.api("GET", `/v1/sandboxes/${body.id}`)).status).toBe(404);
    } finally {
      await other.controlPlane.stop();
    }
  });

  test("two of them: one key makes one sandbox, and what one does the other's followers see", async () => {
    const other = await startControlPlane({ databaseUrl: server.database.url, hostSocket: server.host.socketPath });
    try {
      server.host.script("createSandbox", { delayMs: 300 });
      const withKey = { headers: { "idempotency-key": "through-both" } };
      const [a, b] = await Promise.all([
        server.api("POST", "/v1/sandboxes", {}, withKey),
        other.api("POST", "/v1/sandboxes", {}, withKey),
      ]);
      expect([a.status, b.status]).toEqual([201, 201]);
      expect(a.body.id).toBe(b.body.id);
      expect([a, b].filter((reply) => reply.headers.get("idempotency-replayed") === "true")).toHaveLength(1);

      const events = readEvents(await openStream(`${other.url}/v1/sandboxes/${a.body.id}/events?follow=1`));
      expect((await events.next()).value).toMatchObject({ data: { type: "sandbox.running" } });
      await server.api("POST", `/v1/sandboxes/${a.body.id}/pause`);
      expect((await events.next()).value).toMatchObject({ data: { type: "sandbox.paused" } });
      // Stored once, however many control planes follow the host.
      const types = async (api: typeof other.api) =>
        (await api("GET", `/v1/sandboxes/${a.body.id}/events`)).body.events.map((one: { type: string }) => one.type);
      expect(await types(server.api)).toEqual(["sandbox.running", "sandbox.paused"]);
      expect(await types(other.api)).toEqual(["sandbox.running", "sandbox.paused"]);

      expect((await other.api("DELETE", `/v1/sandboxes/${a.body.id}`)).status).toBe(204);
      expect((await collect(events)).map(({ data }) => data.type)).toEqual(["sandbox.deleted"]);
      expect((await server.api("GET", `/v1/sandboxes/${a.body.id}`)).status).toBe(404);
    } finally {
      await other.controlPlane.stop();
    }
  });

  test("a stop ends streams at once and lets short requests finish", async () => {
    const stopping = await startControlPlane({
      databaseUrl: server.database.url,
      hostSocket: server.host.socketPath,
      limits: limitsWith({ sandboxes: 1000 }),
    });
    const { body } = await stopping.api("POST", "/v1/sandboxes");
    const stream = fetch(`${stopping.url}/v1/sandboxes/${body.id}/exec/stream`, {
      method: "POST",
      headers: { authorization: `Bearer pds_${"0".repeat(32)}` },
      body: JSON.stringify({ cmd: "echo a; sleep 60" }),
    }).then((response) => response.text());
    const short = stopping.api("POST", `/v1/sandboxes/${body.id}/exec`, { cmd: "sleep 1; echo finished" });
    await waitFor(() => server.host.state.sandbox(body.id).processes.length === 2, {
      timeoutMs: 10_000,
      message: "not begun",
    });
    await delay(200);
    const begun = performance.now();
    await stopping.controlPlane.stop();
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect((await short).body).toMatchObject({ stdout: "finished\n" });
    expect(await stream).toContain("the server is stopping");
  });
});

describe("the database", () => {
  let postgres: TestPostgres;
  let host: StandInHost;
  let server: Awaited<ReturnType<typeof startControlPlane>>;
  beforeAll(async () => {
    postgres = new TestPostgres();
    await postgres.start();
    await postgres.query("postgres", "create database own");
    host = new StandInHost();
    await host.start();
    server = await startControlPlane({ databaseUrl: postgres.url("own"), hostSocket: host.socketPath });
  });
  afterAll(async () => {
    await server.controlPlane.stop();
    await host.close();
    await postgres.stop();
    postgres.remove();
  });

  test.each(["SIGINT", "SIGKILL"] as const)(
    "away after %s, and back: clear answers, no crash, nothing lost",
    async (signal) => {
      const { body } = await server.api("POST", "/v1/sandboxes");
      const busy = Array.from({ length: 20 }, () => server.api("POST", "/v1/sandboxes"));
      await postgres.stop(signal);
      for (const reply of await Promise.all(busy))
        expect([201, 503], JSON.stringify(reply.body)).toContain(reply.status);
      const away = await server.api("GET", `/v1/sandboxes/${body.id}`);
      expect(away).toMatchObject({
        status: 503,
        body: {
          code: "internal.database",
          retryable: true,
          error: "the database is not available at the moment; try again",
        },
      });
      expect((await server.api("GET", "/healthz")).status).toBe(200);
      expect(await server.api("GET", "/readyz")).toMatchObject({ status: 503, body: { degraded: ["database"] } });
      expect((await server.api("GET", "/version")).status).toBe(200);
      await delay(1500);
      await postgres.start();
      await waitUntilReady(server);
      expect((await server.api("GET", `/v1/sandboxes/${body.id}`)).body).toMatchObject({
        id: body.id,
        status: "running",
      });
      expect((await server.api("POST", "/v1/sandboxes")).status).toBe(201);
    },
    60_000,
  );

  test("absent at the start: the server lives, says so, and comes up with it", async () => {
    await postgres.stop();
    const { makeControlPlane } = await import("../src/main/control-plane.ts");
    const { testLogger, apiOf } = await import("./support/server.ts");
    const late = await makeControlPlane(
      { ...TEST_SETTINGS, databaseUrl: postgres.url("own"), hostSocket: host.socketPath },
      testLogger(),
    );
    const { port } = await late.start();
    const api = apiOf(`http://127.0.0.1:${port}`);
    expect((await api("GET", "/healthz")).status).toBe(200);
    expect((await api("GET", "/readyz")).status).toBe(503);
    expect(await api("GET", "/v1/me")).toMatchObject({
      status: 503,
      body: { code: "internal.database", retryable: true },
    });
    await postgres.start();
    await late.started;
    expect((await api("GET", "/v1/me")).status).toBe(200);
    await late.stop();
  });
});
