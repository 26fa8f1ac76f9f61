import { sql } from "kysely";
import type { ErrorCode, WorkspaceLimitName, WorkspaceLimits } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";

/** What is in use of that which the database counts. */
export interface StoredUsage {
  readonly sandboxes: number;
  readonly running_sandboxes: number;
  readonly snapshots: number;
  readonly templates: number;
  readonly template_builds: number;
}

const codes = {
  sandboxes: "quota.sandboxes_exceeded",
  running_sandboxes: "quota.running_sandboxes_exceeded",
  snapshots: "quota.snapshots_exceeded",
  templates: "quota.templates_exceeded",
  template_builds: "template.too_many_builds",
  streams: "quota.streams_exceeded",
  processes: "quota.processes_exceeded",
} as const satisfies Partial<Record<WorkspaceLimitName, ErrorCode>>;

const texts: Readonly<Record<keyof typeof codes, { what: string; help: string }>> = {
  sandboxes: { what: "sandboxes", help: "delete some" },
  running_sandboxes: { what: "running sandboxes", help: "hibernate or delete some" },
  snapshots: { what: "snapshots", help: "delete some" },
  templates: { what: "templates", help: "delete some" },
  template_builds: { what: "builds under way", help: "wait for some to end" },
  streams: { what: "open streams and sockets", help: "close some" },
  processes: { what: "commands that are waited for", help: "wait for some to end, or detach them" },
};

/** Says what the limit is, how much is in use, what would help, and how to raise it. */
export function overLimit(workspace: string, name: keyof typeof codes, allowed: number, used: number): Refusal {
  const { what, help } = texts[name];
  return new Refusal(
    codes[name],
    `${name}: the workspace ${workspace} has ${used} of ${allowed} ${what}; ${help}, or have an admin raise it with PATCH /v1/workspaces/${workspace}/limits`,
    { details: { limit: name, allowed, used } },
  );
}

export async function readLimits(db: Database, workspace: string, defaults: WorkspaceLimits): Promise<WorkspaceLimits> {
  const row = await db.selectFrom("workspaces").select("limits").where("slug", "=", workspace).executeTakeFirst();
  if (row === undefined) throw new Refusal("workspace.not_found", "no such workspace");
  return { ...defaults, ...row.limits };
}

/** Sets some, and those that are null back to their defaults. */
export async function updateLimits(
  db: Database,
  workspace: string,
  change: Partial<Record<WorkspaceLimitName, number | null | undefined>>,
): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable("workspaces")
    .set({ limits: sql`jsonb_strip_nulls(limits || ${JSON.stringify(change)}::jsonb)` })
    .where("slug", "=", workspace)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw new Refusal("workspace.not_found", "no such workspace");
}

export async function readUsage(db: Database, workspace: string): Promise<StoredUsage> {
  const { rows } = await sql<StoredUsage>`
    select count(*) as sandboxes, count(*) filter (where status in ('creating', 'running', 'paused')) as running_sandboxes,
      (select count(*) from snapshots where workspace = ${workspace} and wanted <> 'deleted') as snapshots,
      (select count(*) from templates where workspace = ${workspace}) as templates,
      (select count(*) from template_builds where workspace = ${workspace} and status in ('queued', 'building')) as template_builds
    from sandboxes where workspace = ${workspace} and wanted <> 'deleted'`.execute(db);
  return rows[0]!;
}

/** The refusal for a workspace that had no room a moment ago. */
export async function noRoom(
  db: Database,
  workspace: string,
  defaults: WorkspaceLimits,
  name: keyof StoredUsage,
): Promise<Refusal> {
  const [limits, usage] = await Promise.all([readLimits(db, workspace, defaults), readUsage(db, workspace)]);
  return overLimit(workspace, name, limits[name], usage[name]);
}
