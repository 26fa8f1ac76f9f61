import { randomUUID } from "node:crypto";
import { sql, type RawBuilder } from "kysely";
import type { Logger } from "@pandastack/platform";
import type { Database } from "./database.ts";
import { SteadyClock } from "./steady-clock.ts";

const BEAT_MS = 2000;
/** A control plane that has said nothing for this long is dead, and its unfinished work anyone's. */
export const PRESENCE_TIMEOUT_MS = 10_000;
/** After the database was away, nobody is judged by how long they were silent before this has passed. */
const SETTLE_MS = 10_000;

/** This control plane's name among those on the same database, and the proof that it lives. */
export class Presence {
  readonly id = randomUUID();
  readonly clock: SteadyClock;
  readonly #db: Database;
  readonly #log: Logger;
  readonly #place: string | null;
  #timer: NodeJS.Timeout | undefined;
  /** Since when its beats have not been missing; undefined while they are. */
  #steadySince: number | undefined;
  #isAway = false;
  #wasAway = false;
  #planes = 1;

  /**
   * `place` names where this control plane runs, where there is one at a time: its supervisor starts the next when the one
   * before is dead. Undefined where nobody can tell.
   */
  constructor(db: Database, log: Logger, place?: string) {
    this.clock = new SteadyClock(db, log, () => this.#clockStepped());
    this.#db = db;
    this.#log = log;
    this.#place = place ?? null;
  }

  async start(): Promise<void> {
    await this.#beat();
    if (this.#place !== null)
      await sql`delete from control_planes where place = ${this.#place} and id <> ${this.id}`.execute(this.#db);
    this.#timer = setInterval(() => void this.#beat(), BEAT_MS);
    this.#timer.unref();
  }

  /**
   * Whether it may call others dead. After the database was away, or at its own start, all the others' last beats are old:
   * it has to have listened for as long as a silence must last.
   */
  get mayJudge(): boolean {
    return this.#steadySince !== undefined && performance.now() - this.#steadySince > PRESENCE_TIMEOUT_MS;
  }

  /** The database's clock was put to another time: how long the others have been silent has to be seen anew. */
  #clockStepped(): void {
    if (this.#steadySince !== undefined) this.#steadySince = performance.now();
  }

  /** SQL for "the control plane named in this column is not alive", where that can be told at this moment. */
  ownerIsDead(column: string): RawBuilder<boolean> {
    return sql<boolean>`(${ownerHasLeft(column)} or (${ownerIsGone(column)} and ${this.clock.isSteady()}))`;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#db.deleteFrom("control_planes").where("id", "=", this.id).execute();
  }

  async #beat(): Promise<void> {
    try {
      await sql`
        insert into control_planes (id, place, seen_at) values (${this.id}, ${this.#place}, clock_timestamp())
        on conflict (id) do update set seen_at = excluded.seen_at`.execute(this.#db);
      const others = await sql<{ count: number }>`
        select count(*) as count from control_planes
        where id <> ${this.id} and seen_at > clock_timestamp() - make_interval(secs => ${sql.lit(PRESENCE_TIMEOUT_MS / 1000)})`.execute(
        this.#db,
      );
      this.#planes = 1 + (others.rows[0]?.count ?? 0);
      if (this.mayJudge)
        await sql`delete from control_planes where seen_at < clock_timestamp() - interval '1 hour' and id <> ${this.id} and ${this.clock.isSteady()}`.execute(
          this.#db,
        );
      this.#steadySince ??= performance.now();
      if (this.#isAway) this.#log.info("database: back");
      this.#isAway = false;
    } catch (error) {
      this.#steadySince = undefined;
      if (!this.#isAway) this.#log.warn({ err: error }, "database: away");
      this.#isAway = true;
      this.#wasAway = true;
    }
  }

  /** Control planes that live, as of the last beat: what a host takes is divided among them. */
  get planes(): number {
    return this.#planes;
  }

  /** Whether what the database says of the last moments can be relied on: it has not just come back. */
  get isSettled(): boolean {
    if (this.#steadySince === undefined) return false;
    return !this.#wasAway || performance.now() - this.#steadySince > SETTLE_MS;
  }

  /** Whether the database answered the last beat. */
  get isDatabaseThere(): boolean {
    return !this.#isAway && this.#steadySince !== undefined;
  }
}

/** SQL for "the control plane named in this column has left, or another has taken its place": certain, however silent others are. */
export const ownerHasLeft = (column: string) =>
  sql<boolean>`(${sql.ref(column)} is null or not exists (
    select from control_planes where control_planes.id = ${sql.ref(column)}))`;

/** SQL for "the control plane named in this column is not alive". A missing row is a control plane that has left. */
const ownerIsGone = (column: string) =>
  sql<boolean>`(${sql.ref(column)} is null or not exists (
    select from control_planes where control_planes.id = ${sql.ref(column)}
      and control_planes.seen_at > clock_timestamp() - make_interval(secs => ${sql.lit(PRESENCE_TIMEOUT_MS / 1000)})))`;
