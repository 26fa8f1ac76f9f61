import { sql, type RawBuilder } from "kysely";
import type { Logger } from "@pandastack/platform";
import { nowMs } from "./clock.ts";
import type { Database } from "./database.ts";

/** A clock that is off by less has not been put to another time: statements wait for their turn on a busy machine. */
const STEP_MS = 1_000;

/** What a statement says of the database's clock at the moment that it ran. */
export interface ClockReading {
  readonly now_ms: number;
  readonly steps: number;
}

/** Columns for a statement whose answer goes to `heed`. */
export const clockReading = sql`${nowMs} as now_ms, (select count from clock_steps) as steps`;

/**
 * Idle times and silences are told by the database's clock, which all control planes share, and which somebody may put to
 * another time by hours. This process's own clock only goes on: what the two differ by is no time that anything was idle or
 * silent in. Until a step has been taken out of what was noted before it, nothing is judged by it (`isSteady`).
 */
export class SteadyClock {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #stepped: () => void;
  /** The database's time at some moment of this process's clock between these two: either end may have waited for its turn. */
  #anchor: { databaseMs: number; askedAtMs: number; heardAtMs: number } | undefined;
  #steps: number | undefined;

  constructor(db: Database, log: Logger, stepped: () => void) {
    this.#db = db;
    this.#log = log;
    this.#stepped = stepped;
  }

  /** SQL: the database's clock shows about what it has to. False before the first reading, and until the next after a slow one. */
  isSteady(): RawBuilder<boolean> {
    if (this.#anchor === undefined) return sql`false`;
    return sql`abs(${nowMs} - ${Math.round(this.#earliestMs(performance.now()))}::bigint) < ${sql.lit(STEP_MS)}`;
  }

  /** To be told regularly; `askedAtMs` is when the statement was sent, by `performance.now()`. */
  async heed(reading: ClockReading, askedAtMs: number): Promise<void> {
    const heardAtMs = performance.now();
    const stepMs = this.#stepMs(reading.now_ms, { askedAtMs, heardAtMs });
    const isKnown = reading.steps !== this.#steps;
    if (stepMs !== 0) {
      this.#log.warn({ stepMs }, "the database's clock was put to another time");
      this.#stepped();
      // Another control plane has seen it first: it is taken out already.
      if (!isKnown) await this.#takeOut(stepMs, reading.steps);
    }
    this.#anchor = { databaseMs: reading.now_ms, askedAtMs, heardAtMs };
    this.#steps = stepMs !== 0 && !isKnown ? reading.steps + 1 : reading.steps;
  }

  /** The least that the database's clock can show at a moment, if nobody has put it to another time. */
  #earliestMs(atMs: number): number {
    const anchor = this.#anchor!;
    return anchor.databaseMs + atMs - anchor.heardAtMs;
  }

  #latestMs(atMs: number): number {
    const anchor = this.#anchor!;
    return anchor.databaseMs + atMs - anchor.askedAtMs;
  }

  /** How far it is before or behind of any time that it can have been while the statement was under way. */
  #stepMs(databaseMs: number, { askedAtMs, heardAtMs }: { askedAtMs: number; heardAtMs: number }): number {
    if (this.#anchor === undefined) return 0;
    const [earliest, latest] = [this.#earliestMs(askedAtMs), this.#latestMs(heardAtMs)];
    const offMs = databaseMs < earliest ? databaseMs - earliest : databaseMs > latest ? databaseMs - latest : 0;
    return Math.abs(offMs) < STEP_MS ? 0 : Math.round(offMs);
  }

  /**
   * What was noted before the step moves with it. Of what was noted since there is at most what one look takes: after a step
   * forward it is later than the clock could be; after one back, only rows that are new are taken for it.
   */
  async #takeOut(stepMs: number, steps: number): Promise<void> {
    const beforeMs = Math.round(this.#latestMs(performance.now())) + STEP_MS;
    const isOld =
      stepMs > 0
        ? sql`last_activity_ms <= ${beforeMs}::bigint`
        : sql`created_at not between clock_timestamp() - interval '5 seconds' and clock_timestamp()`;
    await sql`
      with mine as (update clock_steps set count = count + 1 where count = ${steps} returning count),
      planes as (update control_planes set seen_at = least(seen_at, clock_timestamp()) where exists (select from mine)),
      snapshot_tries as (update snapshots set attempted_at = least(attempted_at, clock_timestamp()) where exists (select from mine)),
      volume_tries as (update volumes set attempted_at = least(attempted_at, clock_timestamp()) where exists (select from mine))
      update sandboxes set attempted_at = least(attempted_at, clock_timestamp()),
        last_activity_ms = case when ${isOld} then last_activity_ms + ${stepMs}::bigint else last_activity_ms end
      where exists (select from mine)`.execute(this.#db);
  }
}
