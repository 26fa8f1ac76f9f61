import { crashPoint } from "@pandastack/platform";
import { sql } from "kysely";
import { Loop } from "../calls/loop.ts";
import { nowMs } from "../persistence/clock.ts";
import { clockReading, type ClockReading } from "../persistence/steady-clock.ts";
import type { SandboxParts } from "./parts.ts";
import { removeFromHost } from "./service/remove.ts";

/** Expiries act within a second: this, the delay of activity's writes, and a host's deletion fit in. */
const POLL_MS = 250;
const BATCH_LIMIT = 50;

/** Deletes sandboxes that have been idle for longer than they may. Any number of control planes may run one. */
export class Reaper {
  readonly #parts: SandboxParts;
  readonly #loop: Loop;

  constructor(parts: SandboxParts) {
    this.#parts = parts;
    this.#loop = new Loop(() => this.#pass(), {
      pauseMs: POLL_MS,
      onError: (error) => parts.log.debug({ err: error }, "reaper: the database is away"),
    });
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Not right after the database was away: who is in use could not be told to it, by anyone. */
  async #pass(): Promise<"again" | void> {
    if (!this.#parts.presence.isSettled) return;
    const askedAtMs = performance.now();
    const { expired, ...reading } = await claimExpired(this.#parts);
    await this.#parts.presence.clock.heed(reading, askedAtMs);
    if (expired.length > 0) crashPoint("control.reaper.claimed");
    for (const id of expired) void this.#remove(id);
    if (expired.length === BATCH_LIMIT) return "again";
  }

  async #remove(id: string): Promise<void> {
    this.#parts.counters.expired();
    this.#parts.log.info({ sandbox: id }, "expired: deleting");
    // Where this fails, the row stays unwanted and the reconciler goes on.
    await removeFromHost(this.#parts, id).catch((error: unknown) =>
      this.#parts.log.warn({ err: error, sandbox: id }, "deleting an expired sandbox is left to the reconciler"),
    );
  }
}

/**
 * From here on they are unknown to callers. What is going on in this process is known exactly and never expires; what is
 * going on in others is renewed in the database in time. A clock that was put forward makes nobody idle.
 */
async function claimExpired(parts: SandboxParts): Promise<ClockReading & { expired: string[] }> {
  const { rows } = await sql<ClockReading & { expired: string[] }>`
    with claimed as (
      update sandboxes set wanted = 'deleted', generation = generation + 1, attempted_at = clock_timestamp()
      where id in (
        select id from sandboxes
        where wanted <> 'deleted' and expires_ms <= ${nowMs} and status <> 'creating'
          and not id = any(${parts.activity.ongoing()}) and ${parts.presence.clock.isSteady()}
        order by expires_ms limit ${sql.lit(BATCH_LIMIT)} for update skip locked)
      returning id)
    select ${clockReading}, array(select id from claimed) as expired`.execute(parts.db);
  return rows[0]!;
}
