import { sql } from "kysely";
import type { Volume } from "@pandastack/contracts";
import type { HostVolume, SandboxVolume } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";
import type { VolumeRow } from "../persistence/tables.ts";

export const MIB = 1_048_576;
/** Far above what anyone attaches, far below what a host's folder or this list would feel. */
export const VOLUMES_PER_WORKSPACE = 500;

export const unknownVolume = (name: string): Refusal =>
  new Refusal("volume.not_found", `no volume ${JSON.stringify(name.slice(0, 80))} in this workspace`);

export function volumeInfo(row: VolumeRow, holders: ReadonlyMap<string, Volume["attached_to"]>): Volume {
  return {
    name: row.name,
    size_mb: Math.round(row.size_bytes / MIB),
    size_bytes: row.size_bytes,
    is_snapshot: row.is_snapshot,
    attached_to: holders.get(row.id) ?? [],
    created_at: row.created_at.toISOString(),
  };
}

const ready = (db: Database, workspace: string) =>
  db
    .selectFrom("volumes")
    .selectAll()
    .where("workspace", "=", workspace)
    .where("status", "=", "ready")
    .where("wanted", "<>", "deleted");

export async function findVolume(db: Database, workspace: string, name: string): Promise<VolumeRow> {
  const row = await ready(db, workspace).where("name", "=", name).executeTakeFirst();
  if (row === undefined) throw unknownVolume(name);
  return row;
}

export const listVolumes = (db: Database, workspace: string): Promise<VolumeRow[]> =>
  ready(db, workspace).orderBy("name").execute();

/** Who has each volume of a workspace: every sandbox that lives or sleeps. */
export async function volumeHolders(db: Database, workspace: string): Promise<Map<string, Volume["attached_to"]>> {
  const { rows } = await sql<{ id: string; volumes: SandboxVolume[] }>`
    select id, volumes from sandboxes
    where workspace = ${workspace} and wanted <> 'deleted' and volumes <> '[]' and status <> 'failed' order by created_at, id`.execute(
    db,
  );
  const holders = new Map<string, Volume["attached_to"]>();
  for (const { id, volumes } of rows) {
    for (const { volumeId, path, readOnly } of volumes) {
      holders.set(volumeId, [...(holders.get(volumeId) ?? []), { sandbox_id: id, path, read_only: readOnly }]);
    }
  }
  return holders;
}

export interface NewVolume {
  readonly id: string;
  readonly workspace: string;
  readonly name: string;
  readonly operationId: string;
  readonly owner: string;
  readonly sizeBytes: number;
  readonly isSnapshot: boolean;
}

/** The row of a volume about to be made; one that is there already (a repeated request) becomes the new owner's. */
export async function beginVolume(db: Database, given: NewVolume): Promise<VolumeRow> {
  const { rows } = await sql<VolumeRow>`
    insert into volumes (id, workspace, name, wanted, status, operation_id, owner, size_bytes, is_snapshot)
    select ${given.id}, ${given.workspace}, ${given.name}, 'ready', 'creating', ${given.operationId}, ${given.owner}::uuid,
      ${given.sizeBytes}::bigint, ${given.isSnapshot}::boolean
    where (select count(*) from volumes where workspace = ${given.workspace} and wanted <> 'deleted' and id <> ${given.id})
      < ${sql.lit(VOLUMES_PER_WORKSPACE)}
    on conflict do nothing
    returning *`.execute(db);
  if (rows[0] !== undefined) return rows[0];
  const known = await db
    .updateTable("volumes")
    .set({ owner: given.owner })
    .where("id", "=", given.id)
    .returningAll()
    .executeTakeFirst();
  if (known !== undefined) return known;
  const other = await db
    .selectFrom("volumes")
    .select("id")
    .where("workspace", "=", given.workspace)
    .where("name", "=", given.name)
    .where("wanted", "<>", "deleted")
    .executeTakeFirst();
  if (other !== undefined)
    throw new Refusal("volume.already_exists", `name: there is a volume ${JSON.stringify(given.name)} already`, {
      details: { field: "name" },
    });
  throw new Refusal("quota.volumes_exceeded", `the workspace has ${VOLUMES_PER_WORKSPACE} volumes; delete some`);
}

export function finishVolume(db: Database, host: Pick<HostVolume, "id" | "sizeBytes">): Promise<VolumeRow | undefined> {
  return db
    .updateTable("volumes")
    .set({ status: "ready", owner: null, size_bytes: host.sizeBytes })
    .where("id", "=", host.id)
    .where("wanted", "=", "ready")
    .returningAll()
    .executeTakeFirst();
}

/** A growth whose control plane died before it could write it down. They only grow, so what is larger is newer. */
export async function noteGrowth(db: Database, volumes: readonly HostVolume[]): Promise<void> {
  const sizes = volumes.map(({ id, sizeBytes }) => ({ id, size: sizeBytes }));
  await sql`
    update volumes set size_bytes = host.size
    from jsonb_to_recordset(${JSON.stringify(sizes)}::jsonb) as host (id text, size bigint)
    where volumes.id = host.id and volumes.status = 'ready' and volumes.size_bytes < host.size`.execute(db);
}

/** From here on it is unknown to callers; the host's part follows, now or by a reconciler. */
export async function unwantVolume(db: Database, id: string): Promise<void> {
  await db.updateTable("volumes").set({ wanted: "deleted" }).where("id", "=", id).execute();
}

/** Its deletion was refused: it goes on, unless its name has been taken meanwhile. */
export async function wantVolumeAgain(db: Database, id: string): Promise<void> {
  await sql`update volumes set wanted = 'ready' where id = ${id} and deleted_at is null and not exists (
    select from volumes other where other.workspace = volumes.workspace and other.name = volumes.name and other.wanted <> 'deleted')`.execute(
    db,
  );
}

/**
 * As `wantVolumeAgain`, for one whose deletion has lost its control plane, so that nobody heard of the refusal: if a sandbox
 * that is wanted has it. One that only waits for its sandboxes' own deletion goes with them.
 */
export async function wantHeldVolumeAgain(db: Database, id: string): Promise<void> {
  const held = JSON.stringify([{ volumeId: id }]);
  await sql`update volumes set wanted = 'ready' where id = ${id} and deleted_at is null and status = 'ready' and exists (
      select from sandboxes where sandboxes.workspace = volumes.workspace and sandboxes.wanted <> 'deleted' and sandboxes.status <> 'failed'
        and sandboxes.volumes @> ${held}::jsonb)
    and not exists (
      select from volumes other where other.workspace = volumes.workspace and other.name = volumes.name and other.wanted <> 'deleted')`.execute(
    db,
  );
}

export async function buryVolume(db: Database, id: string): Promise<void> {
  await db.updateTable("volumes").set({ deleted_at: new Date(), owner: null }).where("id", "=", id).execute();
}

/** The host refused to make it: there never was anything. */
export async function forgetVolumes(db: Database, ids: readonly string[]): Promise<void> {
  await sql`delete from volumes where id = any(${ids}) and status = 'creating'`.execute(db);
}
