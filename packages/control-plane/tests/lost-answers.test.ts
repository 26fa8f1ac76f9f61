import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { waitFor } from "@pandastack/platform";
import { breakDatabase } from "./support/break-database.ts";
import { makeControlPlane } from "../src/main/control-plane.ts";
import {
  startControlPlane,
  startTestServer,
  TEST_SETTINGS,
  testLogger,
  type Json,
  type TestServer,
} from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());
afterEach(() => vi.restoreAllMocks());

/** Longer than the reconciler waits before it takes a row on. */
const SETTLED = { timeoutMs: 15_000 };

const breakNow = (at: Parameters<typeof breakDatabase>[1]): void => breakDatabase(server.controlPlane, at);
const withKey = (key: string) => ({ headers: { "idempotency-key": key } });
const rows = async (text: string) => (await server.database.query(text)).rows as Json[];

describe("what was made when the database went away before that could be answered", () => {
  const FINISHED = /^update "(sandboxes|volumes|snapshots)" set "status"/;

  /** Until the database is back; what is said then is the answer. */
  const repeat = async (path: string, key: string, body?: unknown) =>
    waitFor(
      async () => {
        const reply = await server.api("POST", path, body, withKey(key));
        return reply.status === 503 ? undefined : reply;
      },
      { ...SETTLED, intervalMs: 50, message: "the database stays away" },
    );

  test("a volume: its repetition is answered with it, and not that its name is taken", async () => {
    breakNow({ at: FINISHED, isDone: true, awayMs: 1000 });
    const body = { name: "lost-finish" };
    expect((await server.api("POST", "/v1/volumes", body, withKey("volume"))).status).toBe(503);
    const made = [...server.host.state.volumes.volumes.keys()];
    expect(made).toHaveLength(1);
    expect((await repeat("/v1/volumes", "volume", body)).status).toBe(201);
    expect([...server.host.state.volumes.volumes.keys()]).toEqual(made);
  }, 40_000);

  test("a volume that was not finished, too", async () => {
    breakNow({ at: FINISHED, isDone: false, awayMs: 1000 });
    const body = { name: "lost-unfinished" };
    expect((await server.api("POST", "/v1/volumes", body, withKey("unfinished"))).status).toBe(503);
    expect((await repeat("/v1/volumes", "unfinished", body)).status).toBe(201);
    await waitFor(
      async () => (await rows("select from volumes where status = 'creating' and deleted_at is null")).length === 0,
      {
        ...SETTLED,
        message: "one is being made for ever",
      },
    );
    expect((await server.api("GET", "/v1/volumes/lost-unfinished")).status).toBe(200);
  }, 40_000);

  test("a snapshot", async () => {
    const { id } = (await server.api("POST", "/v1/sandboxes")).body;
    breakNow({ at: FINISHED, isDone: true, awayMs: 1000 });
    const path = `/v1/sandboxes/${id}/snapshots`;
    expect((await server.api("POST", path, undefined, withKey("snapshot"))).status).toBe(503);
    expect((await repeat(path, "snapshot")).status).toBe(201);
    expect(server.host.state.snapshots.size).toBe(1);
    expect(await rows("select from snapshots where deleted_at is null")).toHaveLength(1);
  }, 40_000);

  test("a sandbox whose claim of the key was not answered", async () => {
    breakNow({ at: /^insert into "idempotency_keys"/, isDone: true, awayMs: 500 });
    expect((await server.api("POST", "/v1/sandboxes", {}, withKey("lost-claim"))).status).toBe(503);
    expect((await repeat("/v1/sandboxes", "lost-claim", {})).status).toBe(201);
    expect(await rows("select status from idempotency_keys where key = 'lost-claim'")).toEqual([{ status: 201 }]);
  }, 40_000);

  test("a snapshot that was refused, and could only be buried, counts no more", async () => {
    const { id } = (await server.api("POST", "/v1/sandboxes")).body;
    server.host.script("createSnapshot", { refuse: "sandbox.conflict" });
    breakNow({ at: /^update "snapshots" set "wanted"/, isDone: false, awayMs: 0 });
    expect((await server.api("POST", `/v1/sandboxes/${id}/snapshots`)).status).toBe(409);
    const counting = `select from snapshots where wanted <> 'deleted' and sandbox_id = '${id}'`;
    await waitFor(async () => (await rows(counting)).length === 0, { ...SETTLED, message: "it counts for a day" });
  }, 30_000);

  test("a fork of which one child could not be finished: none is, and none stays", async () => {
    const { id } = (await server.api("POST", "/v1/sandboxes")).body;
    // Nor can any be undone at that moment.
    await server.database.query(`
      create sequence children;
      create function take_one_child() returns trigger language plpgsql as
        $$ begin
          if new.wanted <> 'deleted' and nextval('children') <> 2 then return new; end if;
          raise exception 'shutting down' using errcode = '57P01';
        end $$;
      create trigger one_child before update on sandboxes for each row
        when (new.wanted = 'deleted' or old.status = 'creating') execute function take_one_child()`);
    try {
      expect((await server.api("POST", `/v1/sandboxes/${id}/fork`, { count: 3 })).status).toBe(503);
    } finally {
      await server.database.query("drop trigger one_child on sandboxes");
    }
    await waitFor(
      async () =>
        (await rows(`select from sandboxes where deleted_at is null and metadata ->> 'forked_from' = '${id}'`))
          .length === 0,
      { ...SETTLED, message: "a child of nobody's" },
    );
  }, 40_000);

  test("a fork of which one child had failed: it is forgotten with what is finished, or none is", async () => {
    const { id } = (await server.api("POST", "/v1/sandboxes")).body;
    await server.database.query(`
      create function forget_none() returns trigger language plpgsql as
        $$ begin raise exception 'shutting down' using errcode = '57P01'; end $$;
      create trigger forgets_none before delete on sandboxes for each row execute function forget_none()`);
    const [path, body] = [`/v1/sandboxes/${id}/fork`, { count: 2, env: { FAIL: "#1" } }];
    try {
      expect((await server.api("POST", path, body, withKey("one-failed"))).status).toBe(503);
    } finally {
      await server.database.query("drop trigger forgets_none on sandboxes");
    }
    const again = await repeat(path, "one-failed", body);
    expect(again.status).toBe(201);
    const children = () =>
      rows(`select id from sandboxes where deleted_at is null and metadata ->> 'forked_from' = '${id}'`);
    await waitFor(async () => (await children()).length === 1, { ...SETTLED, message: "a child of nobody's" });
    expect(await children()).toEqual([{ id: again.body.id }]);
  }, 40_000);

  test("a volume that was made, and only its answer could not be read: 201", async () => {
    breakNow({ at: /volumes <> '\[\]'/, isDone: false, awayMs: 0 });
    const body = { name: "lost-show" };
    const first = await server.api("POST", "/v1/volumes", body, withKey("show"));
    const again = await server.api("POST", "/v1/volumes", body, withKey("show"));
    expect([first.status, again.status]).toEqual([201, 201]);
  });

  test("a tree that was made, and only its event was not stored, is made once", async () => {
    const { id } = (await server.api("POST", "/v1/sandboxes")).body;
    breakNow({ at: /^insert into "events"/, isDone: false, awayMs: 0 });
    const first = await server.api("POST", `/v1/sandboxes/${id}/fork-tree`, { count: 2 }, withKey("tree"));
    const again = await server.api("POST", `/v1/sandboxes/${id}/fork-tree`, { count: 2 }, withKey("tree"));
    expect(again.status).toBe(201);
    await delay(7000);
    expect(
      (await rows(`select from sandboxes where wanted <> 'deleted' and metadata ->> 'forked_from' = '${id}'`)).length,
      `first: ${first.status}`,
    ).toBe(2);
  }, 30_000);
});

test("more than one pass takes on, abandoned long ago, are all undone", async () => {
  const { parts } = server.controlPlane;
  const { id } = (await server.api("POST", "/v1/sandboxes")).body;
  const made = (await server.api("POST", `/v1/sandboxes/${id}/fork`, { count: 16 })).body.children as Json[];
  made.push(...((await server.api("POST", `/v1/sandboxes/${id}/fork`, { count: 14 })).body.children as Json[]));
  const ids = made.map((child) => child.id as string);
  const now = performance.now();
  await server.database.query(
    `update sandboxes set status = 'creating', owner = '${parts.presence.id}', attempted_at = now() - interval '70 seconds' where id in (${ids.map((one) => `'${one}'`).join()})`,
  );
  const clock = vi.spyOn(performance, "now").mockReturnValue(now - 70_000);
  parts.abandoned.add(ids);
  clock.mockRestore();
  await waitFor(
    async () => (await rows("select from sandboxes where status = 'creating' and deleted_at is null")).length === 0,
    {
      timeoutMs: 30_000,
      message: "some are still being created",
    },
  );
}, 60_000);

test("a server whose database goes away as it takes its place comes up when that is back", async () => {
  const late = await makeControlPlane(
    { ...TEST_SETTINGS, databaseUrl: server.database.url, hostSocket: server.host.socketPath, serverId: "late" },
    testLogger(),
  );
  breakDatabase(late, { at: /^delete from control_planes where place/, isDone: false, awayMs: 300 });
  const rejections: unknown[] = [];
  const note = (error: unknown) => void rejections.push(error);
  process.on("unhandledRejection", note);
  try {
    await late.start();
    await Promise.race([late.started, delay(5000)]);
    expect(rejections).toEqual([]);
    await late.started;
  } finally {
    await late.stop().catch(() => {});
    process.off("unhandledRejection", note);
  }
}, 20_000);

describe("an idempotency key", () => {
  test("that was given up because the database went away is any control plane's", async () => {
    const other = await startControlPlane({ databaseUrl: server.database.url, hostSocket: server.host.socketPath });
    try {
      breakNow({ at: /^update "sandboxes" set "status"/, isDone: false, awayMs: 300 });
      expect((await server.api("POST", "/v1/sandboxes", {}, withKey("given-up"))).status).toBe(503);
      const [row] = await rows("select seed from idempotency_keys where key = 'given-up'");
      const again = await other.api("POST", "/v1/sandboxes", {}, withKey("given-up"));
      expect(again.status).toBe(201);
      expect(await rows("select seed, status from idempotency_keys where key = 'given-up'")).toEqual([
        { seed: row!.seed, status: 201 },
      ]);
      // What the first has not finished is the other's by now, and is not undone.
      await delay(7000);
      expect((await other.api("GET", `/v1/sandboxes/${again.body.id}`)).body.status).toBe("running");
    } finally {
      await other.controlPlane.stop();
    }
  }, 40_000);

  test("is not taken from a control plane that was silent because the database was away", async () => {
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    const commands = () => server.host.requests.filter((one) => one === "POST /v1/operations").length;
    const before = commands();
    server.host.script("createSandbox", { after });
    const first = server.api("POST", "/v1/sandboxes", {}, withKey("silent"));
    await waitFor(() => commands() > before, { ...SETTLED, message: "not begun" });
    const other = await startControlPlane({ databaseUrl: server.database.url, hostSocket: server.host.socketPath });
    try {
      await server.database.query(
        `update control_planes set seen_at = now() - interval '30 seconds' where id = '${server.controlPlane.parts.presence.id}'`,
      );
      const second = other.api("POST", "/v1/sandboxes", {}, withKey("silent"));
      await delay(1000);
      expect(await rows("select owner from idempotency_keys where key = 'silent'")).toEqual([
        { owner: server.controlPlane.parts.presence.id },
      ]);
      go();
      expect((await second).body).toEqual((await first).body);
    } finally {
      go();
      await other.controlPlane.stop();
    }
  }, 30_000);
});

test("a volume that came to be attached while its deletion lost its control plane is wanted again", async () => {
  await server.api("POST", "/v1/volumes", { name: "held" });
  const { id } = (await server.api("POST", "/v1/sandboxes", { volumes: [{ name: "held" }] })).body;
  // As a control plane leaves it that died between the two, where the sandbox was made just before.
  await server.database.query(
    "update volumes set wanted = 'deleted', attempted_at = now() - interval '1 minute' where name = 'held'",
  );
  await waitFor(
    async () => (await rows("select from volumes where name = 'held' and wanted = 'deleted'")).length === 0,
    {
      timeoutMs: 15_000,
      message: "wanted deleted for ever",
    },
  );
  expect((await server.api("GET", "/v1/volumes/held")).body.attached_to).toMatchObject([{ sandbox_id: id }]);
}, 30_000);
