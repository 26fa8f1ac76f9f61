import { sql } from "kysely";
import { SNAPSHOT_LIST_LIMIT, type Snapshot, type WorkspaceLimits } from "@pandastack/contracts";
import type { HostSnapshot, RuntimeName } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";
import type { SnapshotRow } from "../persistence/tables.ts";

/** Snapshots as the API shows them. The paths are made up: where the host keeps them is its own business. */
export function snapshotInfo(row: SnapshotRow): Snapshot {
  return {
    id: row.id,
    workspace: row.workspace,
    sandbox_id: row.sandbox_id,
    template: row.template,
    runtime: row.runtime,
    parent_snapshot_id: row.parent_snapshot_id,
    parent_sandbox_id: row.parent_sandbox_id,
    size_bytes: row.size_bytes,
    unique_bytes: row.unique_bytes,
    cpu: row.cpu,
    memory_mb: row.memory_mb,
    mem_path: `/snapshots/${row.id}/memory`,
    state_path: `/snapshots/${row.id}/state`,
    created_at: row.created_at.toISOString(),
  };
}

const unknownSnapshot = () => new Refusal("snapshot.not_found", "no such snapshot in this workspace");

export async function findSnapshot(db: Database, workspace: string, id: string): Promise<SnapshotRow> {
  const row = await db
    .selectFrom("snapshots")
    .selectAll()
    .where("id", "=", id)
    .where("workspace", "=", workspace)
    .where("status", "=", "ready")
    .where("wanted", "<>", "deleted")
    .executeTakeFirst();
  if (row === undefined) throw unknownSnapshot();
  return row;
}

export async function listSnapshots(
  db: Database,
  workspace: string,
  sandboxId: string | undefined,
): Promise<SnapshotRow[]> {
  let query = db
    .selectFrom("snapshots")
    .selectAll()
    .where("workspace", "=", workspace)
    .where("status", "=", "ready")
    .where("layer_key", "is", null)
    .where("wanted", "<>", "deleted");
  if (sandboxId !== undefined) query = query.where("sandbox_id", "=", sandboxId);
  return query.orderBy("created_at", "desc").orderBy("id").limit(SNAPSHOT_LIST_LIMIT).execute();
}

export interface NewSnapshot {
  readonly id: string;
  readonly workspace: string;
  readonly sandboxId: string;
  readonly operationId: string;
  readonly owner: string;
  readonly template: string;
  /** That the sandbox was created from, and that it is a fork of. */
  readonly parentSnapshotId: string | null;
  readonly parentSandboxId: string | null;
  readonly runtime: RuntimeName;
  readonly cpu: number;
  readonly memoryMb: number;
  /** Of a step of a template's build: what it is the result of. */
  readonly layerKey: string | null;
}

/**
 * The row of a snapshot about to be taken; one that is there already (a repeated request) becomes the new owner's. Undefined
 * when the workspace may not have another.
 */
export async function beginSnapshot(
  db: Database,
  given: NewSnapshot,
  defaults: WorkspaceLimits,
): Promise<SnapshotRow | undefined> {
  const { rows } = await sql<SnapshotRow>`
    insert into snapshots (id, workspace, sandbox_id, wanted, status, operation_id, owner, template, runtime, cpu, memory_mb,
      parent_snapshot_id, parent_sandbox_id, layer_key)
    select ${given.id}, ${given.workspace}, ${given.sandboxId}, 'ready', 'creating', ${given.operationId}, ${given.owner}::uuid,
      ${given.template}, ${given.runtime}, ${given.cpu}::integer, ${given.memoryMb}::integer,
      ${given.parentSnapshotId}::text, ${given.parentSandboxId}::text, ${given.layerKey}::text
    where exists (select from snapshots where id = ${given.id})
      or not (select workspace_lacks_snapshots(${given.workspace}, ${defaults.snapshots}::integer))
    on conflict (id) do update set owner = excluded.owner
    returning *`.execute(db);
  return rows[0];
}

export async function finishSnapshot(db: Database, id: string, host: HostSnapshot): Promise<SnapshotRow | undefined> {
  return db
    .updateTable("snapshots")
    .set({
      status: "ready",
      owner: null,
      size_bytes: host.sizeBytes,
      unique_bytes: host.uniqueBytes,
      cpu: host.cpus,
      memory_mb: host.memoryMb,
      runtime: host.runtime,
    })
    .where("id", "=", id)
    .where("wanted", "=", "ready")
    .returningAll()
    .executeTakeFirst();
}

/** From here on it is unknown to callers; what is left of it on the host goes with the next step, or the reconciler's. */
export async function unwantSnapshot(
  db: Database,
  id: string,
  workspace?: string,
): Promise<"unwanted" | "gone" | "unknown"> {
  let update = db
    .updateTable("snapshots")
    .set({ wanted: "deleted" })
    .where("id", "=", id)
    .where("deleted_at", "is", null);
  if (workspace !== undefined) update = update.where("workspace", "=", workspace);
  const row = await update.returning("id").executeTakeFirst();
  if (row !== undefined) return "unwanted";
  let tombstone = db.selectFrom("snapshots").select("id").where("id", "=", id);
  if (workspace !== undefined) tombstone = tombstone.where("workspace", "=", workspace);
  return (await tombstone.executeTakeFirst()) === undefined ? "unknown" : "gone";
}

export async function burySnapshot(db: Database, id: string): Promise<void> {
  await db
    .updateTable("snapshots")
    .set({ wanted: "deleted", deleted_at: new Date(), owner: null })
    .where("id", "=", id)
    .execute();
}

export { unknownSnapshot };
