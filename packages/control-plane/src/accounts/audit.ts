import { sql } from "kysely";
import type { AuditEntry, Role } from "@pandastack/contracts";
import type { Logger } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";

/** One line of the log, as it is written down. Bodies, queries and environments are never in it. */
export interface AuditRecord {
  readonly actor: string;
  readonly role: Role;
  readonly workspace: string;
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  readonly target: string | null;
  readonly requestId: string;
  readonly status: number;
  readonly code: string | null;
}

/** Lines that wait while the database is away: minutes of a busy server. Beyond, the newest are in the server's log alone. */
const WAITING_LIMIT = 20_000;
/** Lines of one statement. */
const BATCH_LIMIT = 500;
const RETRY_MS = 1000;

/**
 * Writes the log behind the answers: nobody waits for it. What arrives while one batch is being written is the next, so a
 * busy server writes a few large batches and an idle one each line at once.
 */
export class AuditLog {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #waiting: (AuditRecord & { time: string })[] = [];
  #writing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isOverflowing = false;

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  record(record: AuditRecord): void {
    const line = { ...record, time: new Date().toISOString() };
    if (this.#waiting.length >= WAITING_LIMIT) {
      if (!this.#isOverflowing) this.#log.error("audit: the database is away for too long; lines go here instead");
      this.#isOverflowing = true;
      this.#log.warn({ audit: line }, "audit");
      return;
    }
    this.#waiting.push(line);
    if (this.#retry === undefined) void this.flush();
  }

  /** Resolves once everything is written, or the database has failed to take it. */
  flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
    return this.#writing;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#retry);
    await this.flush();
    for (const line of this.#waiting) this.#log.warn({ audit: line }, "audit");
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH_LIMIT);
      try {
        await insert(this.#db, batch);
      } catch (error) {
        this.#log.debug({ err: error }, "audit: not written yet");
        this.#retry ??= setTimeout(() => {
          this.#retry = undefined;
          void this.flush();
        }, RETRY_MS).unref();
        return;
      }
      this.#waiting.splice(0, batch.length);
      this.#isOverflowing = false;
    }
  }
}

async function insert(db: Database, batch: readonly (AuditRecord & { time: string })[]): Promise<void> {
  await sql`
    insert into audit (time, actor, role, workspace, operation, method, path, target, request_id, status, code)
    select a.time, a.actor, a.role, a.workspace, a.operation, a.method, a.path, a.target, a."requestId", a.status, a.code
    from jsonb_to_recordset(${JSON.stringify(batch)}::jsonb) as a (time timestamptz, actor text, role text, workspace text,
      operation text, method text, path text, target text, "requestId" text, status integer, code text)`.execute(db);
}

export interface AuditQuery {
  readonly since: Date;
  readonly until: Date | undefined;
  /** Only lines older than the one with this id: the next page. */
  readonly before: number | undefined;
  readonly limit: number;
  readonly filters: Partial<Record<"workspace" | "actor" | "operation" | "target" | "request_id", string | undefined>>;
}

/** Newest first. */
export async function readAudit(db: Database, query: AuditQuery): Promise<AuditEntry[]> {
  let select = db.selectFrom("audit").selectAll().where("time", ">=", query.since);
  if (query.until !== undefined) select = select.where("time", "<", query.until);
  if (query.before !== undefined) select = select.where("id", "<", query.before);
  for (const [column, value] of Object.entries(query.filters))
    if (value !== undefined) select = select.where(column as "actor", "=", value);
  const rows = await select.orderBy("id", "desc").limit(query.limit).execute();
  return rows.map(({ time, ...row }) => ({ ...row, ts: time.toISOString() }));
}

/** Forgets what is older than the retention. */
export async function pruneAudit(db: Database, days: number): Promise<void> {
  await sql`delete from audit where time < clock_timestamp() - make_interval(days => ${days}::integer)`.execute(db);
}
