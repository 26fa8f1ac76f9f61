import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { TestPostgres } from "./support/postgres.ts";
import { ADMIN_TOKEN, limitsWith, startControlPlane, type ApiReply, type Json } from "./support/server.ts";
import { StandInHost } from "./support/stand-in/host.ts";

/** As long as an operator's restart of a database takes, or a failover. */
const OUTAGE_MS = 30_000;

type Server = Awaited<ReturnType<typeof startControlPlane>>;

/** What callers see is what the host has, and no row waits for anybody. */
async function expectAgreement(server: Server, host: StandInHost, postgres: TestPostgres): Promise<void> {
  await waitFor(
    async () => {
      const rows = (await server.api("GET", "/v1/sandboxes")).body as Json[];
      const listed = rows.map((row) => `${row.id} ${row.status}`).sort();
      const there = [...host.state.sandboxes.values()].map(({ info }) => `${info.id} ${info.state}`).sort();
      return JSON.stringify(listed) === JSON.stringify(there);
    },
    { timeoutMs: 25_000, message: "rows and host differ" },
  );
  await waitFor(
    async () =>
      (
        await postgres.query(
          "own",
          "select from sandboxes where status = 'creating' and deleted_at is null union all select from snapshots where status = 'creating' and deleted_at is null",
        )
      ).rows.length === 0,
    { timeoutMs: 25_000, message: "something is still being created" },
  );
}

describe("the database away for half a minute", () => {
  let postgres: TestPostgres;
  let host: StandInHost;
  let server: Server;
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

  test("clear answers at once, what runs runs on, and afterwards everything is as before or undone", async () => {
    const kept = (await server.api("POST", "/v1/sandboxes", { metadata: { name: "kept" } })).body.id as string;
    // Idle for longer than this while nobody could use it.
    const brief = (await server.api("POST", "/v1/sandboxes", { ttl_seconds: 5 })).body.id as string;
    const stream = fetch(`${server.url}/v1/sandboxes/${kept}/exec/stream`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ cmd: "tick 8 4000; echo lived" }),
    }).then((response) => response.text());
    const inUse = fetch(`${server.url}/v1/sandboxes/${brief}/exec/stream`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ cmd: "sleep 28; echo used" }),
    }).then((response) => response.text());
    // Under way on the host when the database goes: its answer cannot be written down.
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    host.script("createSandbox", { after }, { after });
    host.script("createSnapshot", { after });
    const withKey = { headers: { "idempotency-key": "across-the-outage" } };
    const underWay = [
      server.api("POST", "/v1/sandboxes", {}),
      server.api("POST", "/v1/sandboxes", {}, withKey),
      server.api("POST", `/v1/sandboxes/${kept}/snapshots`),
    ];
    await waitFor(() => host.requests.filter((one) => one === "POST /v1/operations").length >= 5, {
      timeoutMs: 10_000,
      message: "not under way",
    });
    await postgres.stop("SIGKILL");
    go();
    const begun = performance.now();

    for (const reply of await Promise.all(underWay)) expectAway(reply);
    while (performance.now() - begun < OUTAGE_MS) {
      const asked = performance.now();
      const replies = await Promise.all([
        server.api("POST", "/v1/sandboxes"),
        server.api("GET", `/v1/sandboxes/${kept}`),
        server.api("POST", `/v1/sandboxes/${kept}/exec`, { cmd: "true" }),
        server.api("DELETE", `/v1/sandboxes/${kept}`),
      ]);
      for (const reply of replies) expectAway(reply);
      expect(performance.now() - asked).toBeLessThan(15_000);
      await delay(1000);
    }
    await postgres.start();
    await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, {
      timeoutMs: 10_000,
      message: "not ready again",
    });

    expect(await stream).toContain("lived");
    expect(await inUse).toContain("used");
    expect((await server.api("GET", `/v1/sandboxes/${brief}`)).status).toBe(200);
    expect((await server.api("GET", `/v1/sandboxes/${kept}`)).body).toMatchObject({
      status: "running",
      metadata: { name: "kept" },
    });
    const again = await server.api("POST", "/v1/sandboxes", {}, withKey);
    expect(again.status).toBe(201);
    expect((await server.api("POST", "/v1/sandboxes", {}, withKey)).body.id).toBe(again.body.id);
    expect((await server.api("POST", `/v1/sandboxes/${again.body.id}/exec`, { cmd: "echo up" })).body.stdout).toBe(
      "up\n",
    );
    await expectAgreement(server, host, postgres);
    expect(host.state.sandboxes.has(again.body.id)).toBe(true);
    await waitFor(() => host.state.snapshots.size === 0, { timeoutMs: 20_000, message: "a snapshot of nobody's" });
  }, 120_000);
});

function expectAway(reply: ApiReply): void {
  expect(reply).toMatchObject({ status: 503, body: { code: "internal.database", retryable: true } });
  expect(reply.headers.get("retry-after")).toBe("1");
}

/** Mounting needs root; as anyone else there is no disk to fill. */
describe.runIf(process.getuid?.() === 0)("the database's disk full", () => {
  const folder = mkdtempSync("/tmp/pandastack-test-full-");
  const ballast = join(folder, "ballast");
  let postgres: TestPostgres;
  let host: StandInHost;
  let server: Server;
  beforeAll(async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=320m", "pandastack-test", folder]);
    postgres = new TestPostgres(folder);
    await postgres.start();
    await postgres.query("postgres", "create database own");
    host = new StandInHost();
    await host.start();
    server = await startControlPlane({
      databaseUrl: postgres.url("own"),
      hostSocket: host.socketPath,
      limits: limitsWith({ sandboxes: 10_000 }),
    });
  });
  afterAll(async () => {
    await server.controlPlane.stop();
    await host.close();
    await postgres.stop();
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  });

  function fill(): void {
    const file = openSync(ballast, "w");
    try {
      for (const size of [1 << 20, 4096]) {
        try {
          for (;;) writeSync(file, Buffer.alloc(size));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        }
      }
    } finally {
      closeSync(file);
    }
  }

  test("writes are refused with a code of their own, reads and commands work, and nothing is lost", async () => {
    const before = (await server.api("GET", "/v1/sandboxes")).body.length as number;
    const kept = (await server.api("POST", "/v1/sandboxes")).body.id as string;
    fill();
    const made: string[] = [kept];
    const metadata = { filler: "x".repeat(8000) };
    const refused = await waitFor(
      async () => {
        const reply = await server.api("POST", "/v1/sandboxes", { metadata });
        if (reply.status === 201) made.push(reply.body.id);
        return reply.status === 201 ? undefined : reply;
      },
      { timeoutMs: 20_000, message: "the disk does not fill up" },
    );
    expect(refused).toMatchObject({ status: 507, body: { code: "internal.database_full", retryable: true } });
    expect(refused.body.error).toContain("full");
    expect((await server.api("GET", `/v1/sandboxes/${kept}`)).body.status).toBe("running");
    expect((await server.api("POST", `/v1/sandboxes/${kept}/exec`, { cmd: "echo on" })).body.stdout).toBe("on\n");
    rmSync(ballast);
    const after = await server.api("POST", "/v1/sandboxes", { metadata });
    expect(after.status).toBe(201);
    made.push(after.body.id);
    // The refused one may have had its row and lost its second write: it is undone.
    await expectAgreement(server, host, postgres);
    const listed = new Set(((await server.api("GET", "/v1/sandboxes")).body as Json[]).map((row) => row.id));
    expect(made.filter((id) => !listed.has(id))).toEqual([]);
    expect(listed.size).toBe(before + made.length);
  }, 60_000);
});
