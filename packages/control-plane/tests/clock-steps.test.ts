import { waitFor } from "@pandastack/platform";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Presence } from "../src/persistence/presence.ts";
import { clockReading, SteadyClock, type ClockReading } from "../src/persistence/steady-clock.ts";
import { claimUnfinished } from "../src/persistence/unfinished.ts";
import { createTestDatabase } from "./support/database.ts";
import { ADMIN_TOKEN, startControlPlane, type Api } from "./support/server.ts";
import { StandInHost } from "./support/stand-in/host.ts";

/**
 * The database's clock is put to another time: its `clock_timestamp` is covered by one that is off by what a table says. What
 * this process's own clocks say goes on.
 */
const COVER = `
  create schema steps;
  create table steps.step (ms bigint not null);
  insert into steps.step values (0);
  create function steps.clock_timestamp() returns timestamptz language sql volatile as
    'select pg_catalog.clock_timestamp() + make_interval(secs => (select ms from steps.step) / 1000.0)';
  alter table sandboxes alter column created_at set default steps.clock_timestamp()`;
const HOURS_MS = 5 * 3_600_000;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let host: StandInHost;
let planes: Awaited<ReturnType<typeof startControlPlane>>[];
let api: Api;
beforeAll(async () => {
  [database, host] = [await createTestDatabase(), new StandInHost()];
  await database.query(COVER);
  await host.start();
  const databaseUrl = `${database.url}&options=${encodeURIComponent("-c search_path=public,steps,pg_catalog")}`;
  const start = () => startControlPlane({ databaseUrl, hostSocket: host.socketPath });
  // Of several, one takes a step out of what was noted.
  planes = [await start(), await start()];
  api = planes[0]!.api;
});
afterAll(async () => {
  for (const { controlPlane } of planes) await controlPlane.stop();
  await host.close();
  await database.drop();
});

const stepsTaken = async (): Promise<number> =>
  Number((await database.query("select count from clock_steps")).rows[0]!["count"]);

async function step(ms: number): Promise<void> {
  const before = await stepsTaken();
  await database.query(`update steps.step set ms = ms + ${ms}`);
  await waitFor(async () => (await stepsTaken()) === before + 1, { timeoutMs: 10_000, message: "no step is seen" });
}

const make = async (ttlSeconds: number): Promise<string> =>
  (await api("POST", "/v1/sandboxes", { ttl_seconds: ttlSeconds })).body.id;
const lifecycle = async (id: string) => (await api("GET", `/v1/sandboxes/${id}/lifecycle`)).body;
const untilExpired = (id: string) =>
  waitFor(async () => (await api("GET", `/v1/sandboxes/${id}`)).status === 404, {
    timeoutMs: 10_000,
    message: "it is not deleted after its idle time",
  });

test("a clock that is put forward or back by hours neither ends what was in use nor keeps what was not", async () => {
  const before = await stepsTaken();
  const [lasting, forward] = [await make(600), await make(2)];
  await step(HOURS_MS);
  expect((await lifecycle(lasting)).idle_seconds).toBeLessThan(60);
  await untilExpired(forward);
  const back = await make(2);
  await step(-HOURS_MS);
  expect((await lifecycle(lasting)).idle_seconds).toBeLessThan(60);
  await untilExpired(back);
  await untilExpired(await make(1));
  expect((await api("GET", `/v1/sandboxes/${lasting}`)).body.status).toBe("running");
  expect((await api("GET", "/v1/me", undefined, { token: ADMIN_TOKEN })).status).toBe(200);
  expect(await stepsTaken()).toBe(before + 2);
});

test("what is being made is not taken for abandoned when the clock is put forward", async () => {
  const { db, log } = planes[0]!.controlPlane.parts;
  const presence = new Presence(db, log);
  const look = async () => {
    const askedAtMs = performance.now();
    const { rows } = await sql<ClockReading>`select ${clockReading}`.execute(db);
    await presence.clock.heed(rows[0]!, askedAtMs);
  };
  const judge = { id: presence.id, mayJudge: true, ownerIsDead: (column: string) => presence.ownerIsDead(column) };
  const claim = () => claimUnfinished(db, "sandboxes", { presence: judge, retrySeconds: 0, abandoned: [] });
  await look();
  const { promise: after, resolve: go } = Promise.withResolvers<void>();
  host.script("createSandbox", { after });
  const making = api("POST", "/v1/sandboxes", {});
  await waitFor(
    async () => (await database.query("select from sandboxes where status = 'creating'")).rows.length === 1,
    { timeoutMs: 10_000, message: "nothing is being made" },
  );
  await database.query(`update steps.step set ms = ms + ${HOURS_MS}`);
  expect(await claim()).toEqual([]);
  go();
  expect((await making).status).toBe(201);
  await look();
  const { rows } = await sql<{ steady: boolean }>`select ${presence.clock.isSteady()} as steady`.execute(db);
  expect(rows, "once it is taken out, it is judged again").toEqual([{ steady: true }]);
});

test("a reading that was heard long after it was made is no step of the next", async () => {
  const { db, log } = planes[0]!.controlPlane.parts;
  let stepped = 0;
  const clock = new SteadyClock(db, log, () => (stepped += 1));
  const askedAtMs = performance.now();
  const { rows } = await sql<ClockReading>`select ${clockReading}`.execute(db);
  // As if it had been made by then, and this process had stood still since.
  const lateMs = 5_000;
  await clock.heed({ ...rows[0]!, now_ms: rows[0]!.now_ms - lateMs }, askedAtMs - lateMs);
  await clock.heed(rows[0]!, askedAtMs);
  expect(stepped).toBe(0);
});
