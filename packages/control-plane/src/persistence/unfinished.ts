import { sql } from "kysely";
import type { Database } from "./database.ts";
import { ownerHasLeft, type Presence } from "./presence.ts";

/** What one pass takes on: the rest is the next one's, or another control plane's. */
const CLAIM_LIMIT = 20;

export type UnfinishedTable = "sandboxes" | "snapshots" | "volumes";

export interface ClaimOptions {
  /** Who may be taken for dead. */
  readonly presence: Pick<Presence, "id" | "mayJudge" | "ownerIsDead">;
  /** Between two attempts at the same row. */
  readonly retrySeconds: number;
  /** Ids that this process began, could not finish, and could not undo. */
  readonly abandoned: readonly string[];
}

/** Whatever a host says of a sandbox from before this is out of date. */
const outdate = (table: UnfinishedTable) => (table === "sandboxes" ? sql`, generation = generation + 1` : sql``);

/** What `owner` has begun, and neither finished nor lost to another, is to go: all of it or nothing. Answers its ids. */
export async function unwantUnfinished(
  db: Database,
  table: UnfinishedTable,
  ids: readonly string[],
  owner: string,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    update ${sql.table(table)} set wanted = 'deleted'${outdate(table)}
    where id = any(${ids}) and status = 'creating' and owner = ${owner}::uuid and deleted_at is null and wanted <> 'deleted'
    returning id`.execute(db);
  return rows.map((row) => row.id);
}

/**
 * Takes on rows whose deletion is unfinished, or whose making has lost its control plane: the caller's connection died with it,
 * so they are undone. Others skip what is claimed here for a while. Answers their ids.
 */
export async function claimUnfinished(db: Database, table: UnfinishedTable, options: ClaimOptions): Promise<string[]> {
  const { presence } = options;
  const ownerless = presence.mayJudge ? presence.ownerIsDead("owner") : ownerHasLeft("owner");
  // All of them now, for they are not kept in mind for ever; they are taken on as many at a time as others. Not what is finished,
  // or another's by now: a repetition may have been answered with it.
  if (options.abandoned.length > 0) await unwantUnfinished(db, table, options.abandoned, presence.id);
  const { rows } = await sql<{ id: string }>`
    update ${sql.table(table)} set attempted_at = clock_timestamp(), wanted = 'deleted'${outdate(table)}
    where id in (
      select id from ${sql.table(table)}
      where deleted_at is null and attempted_at < clock_timestamp() - make_interval(secs => ${sql.lit(options.retrySeconds)})
        and (wanted = 'deleted' or (status = 'creating' and ${ownerless}))
      order by attempted_at limit ${sql.lit(CLAIM_LIMIT)} for update skip locked)
    returning id`.execute(db);
  return rows.map((row) => row.id);
}
