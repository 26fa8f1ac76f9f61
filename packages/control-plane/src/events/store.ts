import { sql } from "kysely";
import { EVENTS_KEPT, type Event } from "@pandastack/contracts";
import type { HostEvent } from "@pandastack/contracts/host";
import type { Logger } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";
import type { EventRow } from "../persistence/tables.ts";

export interface Journal {
  readonly hostId: string;
  readonly epoch: string;
}

/** An event under every name that clients look for. */
export function eventInfo(row: EventRow): Event {
  const time = row.time.toISOString();
  return {
    id: row.id,
    time,
    ts: time,
    timestamp: time,
    sandbox_id: row.sandbox_id,
    type: row.type,
    code: row.type,
    message: typeof row.payload["message"] === "string" ? row.payload["message"] : row.type,
    payload: row.payload,
    metadata: row.payload,
    data: row.payload,
  };
}

/** How far a journal has been read. 0 for one that was never seen. */
export async function readCursor(db: Database, journal: Journal): Promise<number> {
  const row = await db
    .selectFrom("hosts")
    .select(["epoch", "last_seq"])
    .where("id", "=", journal.hostId)
    .executeTakeFirst();
  return row !== undefined && row.epoch === journal.epoch ? row.last_seq : 0;
}

/** Stores what a host said and how far it has been read, in one statement. What another control plane stored already stays. */
export async function storeHostEvents(db: Database, journal: Journal, events: readonly HostEvent[]): Promise<void> {
  const last = events.at(-1);
  if (last === undefined) return;
  const rows = events
    .filter((event) => event.sandboxId !== null)
    .map((event) => ({
      seq: event.seq,
      sandbox_id: event.sandboxId,
      type: event.type,
      payload: event.payload,
      time: event.time,
    }));
  await sql`
    with stored as (
      insert into events (host_id, epoch, seq, sandbox_id, type, payload, time)
      select ${journal.hostId}, ${journal.epoch}, e.seq, e.sandbox_id, e.type, e.payload, e.time
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as e (seq bigint, sandbox_id text, type text, payload jsonb, time timestamptz)
      order by e.seq
      on conflict do nothing)
    insert into hosts (id, epoch, last_seq) values (${journal.hostId}, ${journal.epoch}, ${last.seq})
    on conflict (id) do update set
      last_seq = case when hosts.epoch = excluded.epoch then greatest(hosts.last_seq, excluded.last_seq) else excluded.last_seq end,
      epoch = excluded.epoch`.execute(db);
}

/** Something that a control plane did, which no host knows of. */
export async function storeOwnEvent(
  db: Database,
  sandboxId: string,
  type: string,
  payload: Record<string, unknown>,
): Promise<void> {
  await db
    .insertInto("events")
    .values({
      host_id: null,
      epoch: null,
      seq: null,
      sandbox_id: sandboxId,
      type,
      payload: JSON.stringify(payload),
      time: new Date(),
    })
    .execute();
}

/** As `storeOwnEvent`, where what it tells of is done: a database that is away at this moment must not make that a failure. */
export async function tellOwnEvent(
  { db, log }: { db: Database; log: Logger },
  ...[sandboxId, type, payload]: [sandboxId: string, type: string, payload: Record<string, unknown>]
): Promise<void> {
  await storeOwnEvent(db, sandboxId, type, payload).catch((error: unknown) =>
    log.warn({ err: error, sandbox: sandboxId, type, payload }, "an event could not be stored"),
  );
}

/** The newest `tail` events after `since`, oldest first. */
export async function readEvents(
  db: Database,
  sandboxId: string,
  options: { since: number; tail: number },
): Promise<EventRow[]> {
  const rows = await db
    .selectFrom("events")
    .selectAll()
    .where("sandbox_id", "=", sandboxId)
    .where("id", ">", options.since)
    .orderBy("id", "desc")
    .limit(Math.min(options.tail, EVENTS_KEPT))
    .execute();
  return rows.reverse();
}

/** Forgets what no list shows any more: all but the newest of each sandbox, and everything of sandboxes that are gone. */
export async function pruneEvents(db: Database): Promise<void> {
  await sql`
    delete from events using (
      select id, row_number() over (partition by sandbox_id order by id desc) as age from events) as aged
    where aged.id = events.id and aged.age > ${sql.lit(EVENTS_KEPT)}`.execute(db);
  await sql`
    delete from events where time < clock_timestamp() - interval '1 day'
      and not exists (select from sandboxes where sandboxes.id = events.sandbox_id)`.execute(db);
}
