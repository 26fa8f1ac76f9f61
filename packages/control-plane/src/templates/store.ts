import type { TemplateStart } from "@pandastack/contracts/host";
import type { Database } from "../persistence/database.ts";
import type { TemplateAbout, TemplateRow } from "../persistence/tables.ts";

/** Of templates that are everyone's. */
export const EVERYONE = "";

/** The workspace's own, or else everyone's of this name. */
export async function readTemplate(db: Database, workspace: string, name: string): Promise<TemplateRow | undefined> {
  return db
    .selectFrom("templates")
    .selectAll()
    .where("name", "=", name)
    .where("workspace", "in", [workspace, EVERYONE])
    .orderBy("workspace", "desc")
    .executeTakeFirst();
}

export async function readTemplates(db: Database, workspace: string): Promise<TemplateRow[]> {
  return db
    .selectFrom("templates")
    .selectAll()
    .where("workspace", "in", [workspace, EVERYONE])
    .orderBy("workspace")
    .orderBy("name")
    .execute();
}

export interface NewTemplate {
  readonly name: string;
  readonly workspace: string;
  readonly buildId: string;
  readonly recipeKey: string;
  readonly rootKey: string;
  readonly base: string;
  readonly cpu: number | null;
  readonly memoryMb: number;
  readonly diskMb: number;
  readonly bytes: number;
  readonly env: Record<string, string>;
  readonly start: TemplateStart | null;
  readonly about: TemplateAbout;
}

/** In the place of one that has this name. */
export async function putTemplate(db: Database, given: NewTemplate): Promise<void> {
  const values = {
    build_id: given.buildId,
    recipe_key: given.recipeKey,
    root_key: given.rootKey,
    base: given.base,
    cpu: given.cpu,
    memory_mb: given.memoryMb,
    disk_mb: given.diskMb,
    bytes: given.bytes,
    env: JSON.stringify(given.env),
    start: given.start === null ? null : JSON.stringify(given.start),
    about: JSON.stringify(given.about),
    updated_at: new Date(),
  };
  await db
    .insertInto("templates")
    .values({ name: given.name, workspace: given.workspace, ...values })
    .onConflict((conflict) => conflict.columns(["workspace", "name"]).doUpdateSet(values))
    .execute();
}

/** Undefined: there was none. */
export async function deleteTemplateRow(
  db: Database,
  workspace: string,
  name: string,
): Promise<{ root_key: string } | undefined> {
  return db
    .deleteFrom("templates")
    .where("workspace", "=", workspace)
    .where("name", "=", name)
    .returning("root_key")
    .executeTakeFirst();
}

/** Whether any template still stands on this root file system. */
export async function isRootUsed(db: Database, rootKey: string): Promise<boolean> {
  const row = await db.selectFrom("templates").select("name").where("root_key", "=", rootKey).executeTakeFirst();
  return row !== undefined;
}
