import { createHash } from "node:crypto";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import type { Logger } from "@pandastack/platform";
import { toDatabaseFailure } from "./failures.ts";
import type { Tables } from "./tables.ts";
import { Turns } from "./turns.ts";

export type Database = Kysely<Tables>;

export interface DatabaseConnection {
  readonly db: Database;
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

export const CONNECTIONS_LIMIT = 16;
const CONNECT_TIMEOUT_MS = 3000;
/** No statement of ours takes long; one that does waits for a lock or a lost peer. */
const STATEMENT_TIMEOUT_MS = 10_000;
/** What pg says when `query_timeout` is over. */
const READ_TIMEOUT = "Query read timeout";

// A connection without a password would make pg load another package, when its files may no longer be readable to this process.
pg.defaults.password = "";

// bigint columns hold milliseconds, sizes and counters, all far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * A client that prepares every parametrised statement once for its connection, named after its text. Statements here come
 * from a fixed set (lists go in as arrays), so the number of names is bounded.
 */
class PreparingClient extends pg.Client {
  /** It waits for an answer that nobody waits for any more: what is sent next would be answered with that. */
  isBehind = false;
  readonly #names = new Map<string, string>();

  constructor(config?: string | pg.ClientConfig) {
    super(config);
    // A connection that breaks while it is checked out says so twice: to the statement under way, and in this event, which
    // would end the process if nobody listened.
    this.on("error", () => {});
  }

  #name(text: string): string {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = createHash("sha1").update(text).digest("base64url");
      this.#names.set(text, name);
    }
    return name;
  }

  // @ts-expect-error pg types `query` as a dozen overloads; Kysely and our code use this one.
  override async query(text: string, values?: unknown[]): Promise<pg.QueryResult> {
    try {
      if (values === undefined || values.length === 0) return await super.query(text);
      return await super.query({ name: this.#name(text), text, values });
    } catch (error) {
      if (error instanceof Error && error.message === READ_TIMEOUT) this.isBehind = true;
      throw toDatabaseFailure(error);
    }
  }
}

/** Connects lazily: an absent database is found out at the first statement, and again at each, until it is there. */
export function openDatabase(
  url: string,
  log: Logger,
  { statementTimeoutMs = STATEMENT_TIMEOUT_MS }: { statementTimeoutMs?: number } = {},
): DatabaseConnection {
  const pool = new pg.Pool({
    connectionString: url,
    Client: PreparingClient as unknown as typeof pg.Client,
    max: CONNECTIONS_LIMIT,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 2000,
    // Of a peer that is gone without a word: what it had locked is free again.
    idle_in_transaction_session_timeout: statementTimeoutMs,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: "pandastack-control-plane",
  });
  // An idle connection that breaks would end the process otherwise. The pool drops it; the next statement opens another.
  pool.on("error", (error) => log.warn({ err: error }, "database: an idle connection broke"));
  const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
  const turns = new Turns(CONNECTIONS_LIMIT);
  const dialect = new PostgresDialect({
    pool: {
      connect: async () => {
        await turns.enter();
        try {
          const client = await connect();
          // The pool gives each holder a release of its own.
          const release = client.release.bind(client);
          client.release = (error) => {
            release(error || (client as unknown as PreparingClient).isBehind);
            turns.leave();
          };
          return client;
        } catch (error) {
          const failure = toDatabaseFailure(error);
          turns.fail(failure);
          turns.leave();
          throw failure;
        }
      },
      end: () => pool.end(),
      options: { ...pool.options },
    },
  });
  const db = new Kysely<Tables>({ dialect });
  return { db, pool, close: () => db.destroy() };
}
