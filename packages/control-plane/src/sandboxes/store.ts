import { sql } from "kysely";
import type { OnIdle, SandboxStatus, WorkspaceLimits } from "@pandastack/contracts";
import type { HostNetwork, HostSandbox, Isolation, RuntimeName } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { z } from "zod";
import { nowMs } from "../persistence/clock.ts";
import type { Database } from "../persistence/database.ts";
import type { SandboxRow } from "../persistence/tables.ts";

export const SANDBOX_ID = /^[a-z0-9]{20}$/;

/** Says the same of an id that never was, one that is deleted, and one of another workspace. */
export const unknownSandbox = () => new Refusal("sandbox.not_found", "no such sandbox in this workspace");

export async function findSandbox(db: Database, workspace: string, id: string): Promise<SandboxRow> {
  if (!SANDBOX_ID.test(id)) throw unknownSandbox();
  const row = await db
    .selectFrom("sandboxes")
    .selectAll()
    .where("id", "=", id)
    .where("workspace", "=", workspace)
    .where("wanted", "<>", "deleted")
    .executeTakeFirst();
  if (row === undefined) throw unknownSandbox();
  return row;
}

/** Whatever there is under this id, tombstones too. */
export function readSandbox(db: Database, id: string): Promise<SandboxRow | undefined> {
  return db.selectFrom("sandboxes").selectAll().where("id", "=", id).executeTakeFirst();
}

export async function findWithNow(
  db: Database,
  workspace: string,
  id: string,
): Promise<SandboxRow & { now_ms: number }> {
  if (!SANDBOX_ID.test(id)) throw unknownSandbox();
  const row = await db
    .selectFrom("sandboxes")
    .selectAll()
    .select(nowMs.as("now_ms"))
    .where("id", "=", id)
    .where("workspace", "=", workspace)
    .where("wanted", "<>", "deleted")
    .executeTakeFirst();
  if (row === undefined) throw unknownSandbox();
  return row;
}

export async function listSandboxes(
  db: Database,
  workspace: string,
  status: z.infer<typeof SandboxStatus> | undefined,
): Promise<SandboxRow[]> {
  let query = db
    .selectFrom("sandboxes")
    .selectAll()
    .where("workspace", "=", workspace)
    .where("wanted", "<>", "deleted");
  if (status !== undefined) query = query.where("status", "=", status as SandboxRow["status"]);
  return query.orderBy("created_at", "desc").orderBy("id").execute();
}

/** Children of a tree, in index order. */
export async function listTree(db: Database, workspace: string, treeId: string): Promise<SandboxRow[]> {
  const { rows } = await sql<SandboxRow>`
    select * from sandboxes
    where workspace = ${workspace} and wanted <> 'deleted' and metadata ? 'fork_tree_id' and metadata ->> 'fork_tree_id' = ${treeId}
    order by (metadata ->> 'fork_index')::integer, id`.execute(db);
  return rows;
}

export interface NewSandbox {
  readonly id: string;
  readonly operationId: string;
  readonly owner: string;
  readonly template: string;
  readonly fromSnapshot: string | null;
  readonly persistent: boolean;
  readonly ttlSeconds: number;
  readonly onIdle: OnIdle | null;
  readonly idleTimeoutSeconds: number | null;
  readonly metadata: Record<string, string>;
  readonly network: HostNetwork;
  /** What it will probably be; the host's answer corrects it. */
  readonly runtime: RuntimeName;
  readonly isolation: Isolation;
  readonly cpu: number;
  readonly memoryMb: number;
  readonly diskMb: number;
}

/**
 * Rows of sandboxes about to be made, all or none: none when the workspace would have more than it may, or when they are
 * there already (a repeated request).
 */
export async function insertSandboxes(
  db: Database,
  workspace: string,
  given: readonly NewSandbox[],
  defaults: WorkspaceLimits,
): Promise<SandboxRow[]> {
  const records = given.map((sandbox) => ({
    id: sandbox.id,
    operation_id: sandbox.operationId,
    owner: sandbox.owner,
    template: sandbox.template,
    from_snapshot: sandbox.fromSnapshot,
    persistent: sandbox.persistent,
    ttl_seconds: sandbox.ttlSeconds,
    on_idle: sandbox.onIdle,
    idle_timeout_seconds: sandbox.idleTimeoutSeconds,
    metadata: sandbox.metadata,
    network: sandbox.network,
    runtime: sandbox.runtime,
    isolation: sandbox.isolation,
    cpu: sandbox.cpu,
    memory_mb: sandbox.memoryMb,
    disk_mb: sandbox.diskMb,
  }));
  const { rows } = await sql<SandboxRow>`
    insert into sandboxes (id, workspace, wanted, status, operation_id, owner, template, from_snapshot, persistent, ttl_seconds,
      on_idle, idle_timeout_seconds, metadata, network, runtime, isolation, cpu, memory_mb, disk_mb, last_activity_ms)
    select n.id, ${workspace}, 'running', 'creating', n.operation_id, n.owner, n.template, n.from_snapshot, n.persistent, n.ttl_seconds,
      n.on_idle, n.idle_timeout_seconds, n.metadata, n.network, n.runtime, n.isolation, n.cpu, n.memory_mb, n.disk_mb, ${nowMs}
    from jsonb_to_recordset(${JSON.stringify(records)}::jsonb) as n (id text, operation_id text, owner uuid, template text,
      from_snapshot text, persistent boolean, ttl_seconds bigint, on_idle text, idle_timeout_seconds bigint, metadata jsonb, network jsonb, runtime text, isolation text, cpu integer,
      memory_mb integer, disk_mb integer)
    where (select ${lacks(workspace, { more: given.length, running: given.length }, defaults)}) is null
    on conflict (id) do nothing
    returning *`.execute(db);
  return rows;
}

/**
 * A repeated request goes on with the rows of its first time, whose control plane may be dead: from here on they are `owner`'s,
 * and no reconciler's. Answers those that are still wanted.
 */
export async function takeOver(db: Database, ids: readonly string[], owner: string): Promise<SandboxRow[]> {
  const { rows } = await sql<SandboxRow>`
    update sandboxes set owner = case when status = 'creating' then ${owner}::uuid else owner end
    where id = any(${ids}) and wanted <> 'deleted' returning *`.execute(db);
  return rows;
}

/** Sandboxes that are to come, and how many of those that are there already or to come will run in addition. */
interface Wish {
  readonly more: number;
  readonly running: number;
}

const lacks = (workspace: string, { more, running }: Wish, { sandboxes, running_sandboxes }: WorkspaceLimits) =>
  sql<
    "sandboxes" | "running_sandboxes" | null
  >`workspace_lacks_sandboxes(${workspace}, ${more}::integer, ${running}::integer, ${sandboxes}::integer, ${running_sandboxes}::integer)`;

/** The limit that keeps a workspace from having so many more sandboxes, if one does. */
export async function lackingRoom(
  db: Database,
  workspace: string,
  wish: Wish,
  defaults: WorkspaceLimits,
): Promise<"sandboxes" | "running_sandboxes" | null> {
  const { rows } = await sql<{ lacking: "sandboxes" | "running_sandboxes" | null }>`
    select ${lacks(workspace, wish, defaults)} as lacking`.execute(db);
  return rows[0]?.lacking ?? null;
}

const observed = (host: HostSandbox) => ({
  status: host.state,
  runtime: host.runtime,
  isolation: host.isolation,
  guest_ip: host.guestIp,
  host_tap: host.hostTap,
  mac: host.mac,
  cpu: host.cpus,
  memory_mb: host.memoryMb,
  disk_mb: host.diskMb,
  persistent: host.persistent,
  network: JSON.stringify(host.network),
  boot_mode: host.bootMode,
  boot_ms: Math.round(host.bootMs),
  reason: host.reason,
  volumes: JSON.stringify(host.volumes ?? []),
});

/** The host has made it. Undefined when nobody wants it any more. */
export function finishCreating(db: Database, host: HostSandbox): Promise<SandboxRow | undefined> {
  return db
    .updateTable("sandboxes")
    .set((column) => ({
      ...observed(host),
      owner: null,
      generation: sql<number>`${column.ref("generation")} + 1`,
      last_activity_ms: nowMs,
    }))
    .where("id", "=", host.id)
    .where("wanted", "<>", "deleted")
    .returningAll()
    .executeTakeFirst();
}

/** Says what is wanted from now on, and starts a new generation: what was seen for an older one is not written any more. */
export async function want(
  db: Database,
  row: SandboxRow,
  wanted: "running" | "paused" | "hibernated",
): Promise<SandboxRow> {
  const changed = await db
    .updateTable("sandboxes")
    .set((column) => ({ wanted, generation: sql<number>`${column.ref("generation")} + 1` }))
    .where("id", "=", row.id)
    .where("wanted", "<>", "deleted")
    .returningAll()
    .executeTakeFirst();
  if (changed === undefined) throw unknownSandbox();
  return changed;
}

/** As `want`, for one that has no machine now. Undefined when its workspace may not have another one run. */
export async function wantAwake(
  db: Database,
  row: SandboxRow,
  defaults: WorkspaceLimits,
): Promise<SandboxRow | undefined> {
  return db
    .updateTable("sandboxes")
    .set((column) => ({ wanted: "running", generation: sql<number>`${column.ref("generation")} + 1` }))
    .where("id", "=", row.id)
    .where("wanted", "<>", "deleted")
    .where(sql<boolean>`(select ${lacks(row.workspace, { more: 0, running: 1 }, defaults)}) is null`)
    .returningAll()
    .executeTakeFirst();
}

/** Writes what a host shows, if nothing has changed since `generation`. Undefined when something has. */
export function observe(db: Database, host: HostSandbox, generation: number): Promise<SandboxRow | undefined> {
  return db
    .updateTable("sandboxes")
    .set((column) => ({ ...observed(host), generation: sql<number>`${column.ref("generation")} + 1` }))
    .where("id", "=", host.id)
    .where("generation", "=", generation)
    .where("wanted", "<>", "deleted")
    .returningAll()
    .executeTakeFirst();
}

/** Its host does not know it any more. */
export function observeVanished(db: Database, row: SandboxRow): Promise<SandboxRow | undefined> {
  return db
    .updateTable("sandboxes")
    .set((column) => ({
      status: "failed",
      reason: "its host no longer has it",
      guest_ip: null,
      host_tap: null,
      generation: sql<number>`${column.ref("generation")} + 1`,
    }))
    .where("id", "=", row.id)
    .where("generation", "=", row.generation)
    .where("wanted", "<>", "deleted")
    .returningAll()
    .executeTakeFirst();
}

/** From here on it is unknown to callers; the host's part of the deletion follows, by whoever comes first. */
export async function unwant(
  db: Database,
  id: string,
  workspace: string | null,
): Promise<"unwanted" | "gone" | "unknown"> {
  if (!SANDBOX_ID.test(id)) return "unknown";
  let update = db
    .updateTable("sandboxes")
    .set((column) => ({
      wanted: "deleted",
      generation: sql<number>`${column.ref("generation")} + 1`,
      attempted_at: sql<Date>`clock_timestamp()`,
    }))
    .where("id", "=", id)
    .where("deleted_at", "is", null);
  if (workspace !== null) update = update.where("workspace", "=", workspace);
  if ((await update.returning("id").executeTakeFirst()) !== undefined) return "unwanted";
  const tombstone = await readSandbox(db, id);
  return tombstone === undefined || (workspace !== null && tombstone.workspace !== workspace) ? "unknown" : "gone";
}

/** The host has nothing of it any more: what remains is the tombstone, without anything that was anyone's. */
export async function bury(db: Database, id: string): Promise<void> {
  await db
    .updateTable("sandboxes")
    .set({ deleted_at: sql<Date>`clock_timestamp()`, owner: null, metadata: "{}" })
    .where("id", "=", id)
    .execute();
}

/** Forgets sandboxes that the host refused to make: there never was anything. */
export async function forget(db: Database, ids: readonly string[]): Promise<void> {
  await db
    .deleteFrom("sandboxes")
    .where("id", "=", sql<string>`any(${ids})`)
    .where("status", "=", "creating")
    .execute();
}

export async function setLifecycle(
  db: Database,
  id: string,
  change: Partial<Pick<SandboxRow, "ttl_seconds" | "persistent" | "on_idle" | "idle_timeout_seconds">>,
): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable("sandboxes")
    .set({ ...change, last_activity_ms: nowMs })
    .where("id", "=", id)
    .where("wanted", "<>", "deleted")
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw unknownSandbox();
}
