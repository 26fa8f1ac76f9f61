import { readdirSync, readFileSync } from "node:fs";
import { sql } from "kysely";
import type { Logger } from "@pandastack/platform";
import type { Database } from "./database.ts";

/** Any number, the same in every control plane. */
const MIGRATION_LOCK = 7_263_782_001;

// Read while this module loads: later the process may not be allowed to look into its own source tree.
const folder = new URL("./migrations/", import.meta.url);
const migrations = readdirSync(folder)
  .filter((name) => name.endsWith(".sql"))
  .sort()
  .map((name) => ({ name, text: readFileSync(new URL(name, folder), "utf8") }));

/** Brings the schema up to date: all in one transaction, and one control plane at a time. */
export async function migrate(db: Database, log: Logger): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(transaction);
    await sql`create table if not exists migrations (name text primary key, at timestamptz not null default now())`.execute(
      transaction,
    );
    const { rows } = await sql<{ name: string }>`select name from migrations`.execute(transaction);
    const done = new Set(rows.map((row) => row.name));
    for (const { name, text } of migrations) {
      if (done.has(name)) continue;
      await sql.raw(text).execute(transaction);
      await sql`insert into migrations (name) values (${name})`.execute(transaction);
      log.info({ migration: name }, "database: schema changed");
    }
  });
}
