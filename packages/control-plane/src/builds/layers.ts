import { sql } from "kysely";
import type { HostClient } from "../hosts/client.ts";
import type { Database } from "../persistence/database.ts";
import type { SnapshotRow } from "../persistence/tables.ts";
import { removeSnapshot } from "../snapshots/delete-snapshot.ts";
import { unwantSnapshot } from "../snapshots/store.ts";

/** Results of steps that a workspace keeps: a few recipes' worth. The oldest go. */
const LAYERS_KEPT = 24;
const LAYER_DAYS = 7;

/** The result of the latest of these steps that is there. */
export async function findLayer(
  db: Database,
  workspace: string,
  keys: readonly string[],
): Promise<SnapshotRow | undefined> {
  if (keys.length === 0) return undefined;
  const rows = await db
    .selectFrom("snapshots")
    .selectAll()
    .where("workspace", "=", workspace)
    .where("layer_key", "in", [...keys])
    .where("status", "=", "ready")
    .where("wanted", "<>", "deleted")
    .execute();
  return keys.toReversed().flatMap((key) => rows.find((row) => row.layer_key === key) ?? [])[0];
}

/** Removes those of `keys`, and of all workspaces those that are old or too many. */
export async function removeLayers(parts: { db: Database; host: HostClient }, ids: readonly string[]): Promise<void> {
  for (const id of ids) if ((await unwantSnapshot(parts.db, id)) === "unwanted") await removeSnapshot(parts, id);
}

export async function layersOf(db: Database, workspace: string): Promise<string[]> {
  const rows = await db
    .selectFrom("snapshots")
    .select("id")
    .where("workspace", "=", workspace)
    .where("layer_key", "is not", null)
    .where("wanted", "<>", "deleted")
    .execute();
  return rows.map((row) => row.id);
}

export async function outdatedLayers(db: Database): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from (
      select id, created_at, row_number() over (partition by workspace order by created_at desc) as place
      from snapshots where layer_key is not null and wanted <> 'deleted' and status = 'ready') as layers
    where place > ${sql.lit(LAYERS_KEPT)} or created_at < clock_timestamp() - make_interval(days => ${sql.lit(LAYER_DAYS)})`.execute(
    db,
  );
  return rows.map((row) => row.id);
}
