import { sql } from "kysely";
import type { Logger } from "@pandastack/platform";
import { nowMs } from "../persistence/clock.ts";
import type { Database } from "../persistence/database.ts";

/** How late the database learns of activity: far less than the second within which an expiry acts. */
const FLUSH_MS = 200;
/**
 * How often a long stream is told to the database, so that no other control plane takes the sandbox for idle. The answer says
 * the TTL, which may have become a short one through another control plane.
 */
const LONGEST_RENEWAL_MS = 1000;
const renewalMs = (ttlSeconds: number): number =>
  ttlSeconds > 0 ? Math.min(LONGEST_RENEWAL_MS, (ttlSeconds * 1000) / 4) : LONGEST_RENEWAL_MS;

interface Ongoing {
  count: number;
  renewalMs: number;
  renewedAt: number;
}

/**
 * Who is in use. A request counts when it begins and when it ends, and for as long as it lasts. The database is told in
 * batches: an exec does not wait for a write.
 */
export class Activity {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #ongoing = new Map<string, Ongoing>();
  readonly #dirty = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  /** Something has begun in this sandbox; call what is returned when it is over (calling it twice is fine). */
  begin({ id, ttl_seconds: ttlSeconds }: { id: string; ttl_seconds: number }): () => void {
    const ongoing = this.#ongoing.get(id) ?? { count: 0, renewalMs: LONGEST_RENEWAL_MS, renewedAt: performance.now() };
    ongoing.count += 1;
    ongoing.renewalMs = renewalMs(ttlSeconds);
    this.#ongoing.set(id, ongoing);
    this.#dirty.add(id);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      ongoing.count -= 1;
      if (ongoing.count === 0) this.#ongoing.delete(id);
      this.#dirty.add(id);
    };
  }

  /** Sandboxes that something is going on in, as far as this control plane knows. */
  ongoing(): string[] {
    return [...this.#ongoing.keys()];
  }

  start(): void {
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  flush(): Promise<void> {
    this.#flushing ??= this.#write().finally(() => (this.#flushing = undefined));
    return this.#flushing;
  }

  async #write(): Promise<void> {
    const now = performance.now();
    for (const [id, ongoing] of this.#ongoing) {
      if (now - ongoing.renewedAt >= ongoing.renewalMs) this.#dirty.add(id);
    }
    if (this.#dirty.size === 0) return;
    const ids = [...this.#dirty];
    this.#dirty.clear();
    for (const id of ids) {
      const ongoing = this.#ongoing.get(id);
      if (ongoing !== undefined) ongoing.renewedAt = now;
    }
    try {
      const { rows } = await sql<{ id: string; ttl_seconds: number }>`
        update sandboxes set last_activity_ms = greatest(last_activity_ms, ${nowMs}) where id = any(${ids}) and wanted <> 'deleted'
        returning id, ttl_seconds`.execute(this.#db);
      for (const row of rows) {
        const ongoing = this.#ongoing.get(row.id);
        if (ongoing !== undefined) ongoing.renewalMs = renewalMs(Number(row.ttl_seconds));
      }
    } catch (error) {
      for (const id of ids) this.#dirty.add(id);
      this.#log.debug({ err: error }, "activity could not be written; it will be");
    }
  }
}
