import type { Selectable } from "kysely";
import { Refusal } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";
import { isUniqueViolation } from "../persistence/failures.ts";
import type { WorkspacesTable } from "../persistence/tables.ts";

export const DEFAULT_WORKSPACE = "default";

const workspaceInfo = (row: Selectable<WorkspacesTable>) => ({
  slug: row.slug,
  name: row.name,
  created_at: row.created_at.toISOString(),
});

export async function listWorkspaces(db: Database) {
  const rows = await db.selectFrom("workspaces").selectAll().orderBy("slug").execute();
  return rows.map(workspaceInfo);
}

export async function createWorkspace(db: Database, given: { slug: string; name: string }) {
  try {
    return workspaceInfo(await db.insertInto("workspaces").values(given).returningAll().executeTakeFirstOrThrow());
  } catch (error) {
    if (isUniqueViolation(error))
      throw new Refusal("workspace.conflict", `slug: a workspace ${given.slug} exists already`);
    throw error;
  }
}

export async function requireWorkspace(db: Database, slug: string): Promise<void> {
  const row = await db.selectFrom("workspaces").select("slug").where("slug", "=", slug).executeTakeFirst();
  if (row === undefined) throw new Refusal("workspace.not_found", "no such workspace");
}
