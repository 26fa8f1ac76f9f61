import { sql } from "kysely";
import { DEFAULT_TAG, parseTemplateReference, type TemplateReference } from "@pandastack/contracts";
import type { TemplateStart } from "@pandastack/contracts/host";
import type { Database } from "../persistence/database.ts";
import type { TemplateAbout, TemplateRow } from "../persistence/tables.ts";

/** Of templates that are everyone's. */
export const EVERYONE = "";

type Which = Pick<TemplateReference, "name" | "tag" | "version">;

/** What exactly this workspace has under this name, tag or version. */
export async function readOwnTemplate(
  db: Database,
  workspace: string,
  { name, tag, version }: Which,
): Promise<TemplateRow | undefined> {
  const query = db.selectFrom("template_refs").selectAll().where("workspace", "=", workspace).where("name", "=", name);
  return (
    version === undefined ? query.where("tag", "=", tag) : query.where("build_id", "=", version)
  ).executeTakeFirst();
}

/** The workspace's own, or else everyone's of this name (`name`, `name:tag`, `name@version`). */
export async function readTemplate(db: Database, workspace: string, text: string): Promise<TemplateRow | undefined> {
  const reference = parseTemplateReference(text);
  if (reference === undefined || reference.workspace !== undefined) return undefined;
  return (await readOwnTemplate(db, workspace, reference)) ?? readOwnTemplate(db, EVERYONE, reference);
}

/** The workspace's and everyone's, each once: what its name alone stands for, or its newest tag where that is none. */
export async function readTemplates(db: Database, workspace: string): Promise<TemplateRow[]> {
  const { rows } = await sql<TemplateRow>`${sql.raw(ONE_EACH)}
    where workspace in (${workspace}, ${EVERYONE}) ${sql.raw(ONE_EACH_ORDER)}`.execute(db);
  return rows;
}

/** What other workspaces have published. */
export async function readPublished(db: Database, workspace: string): Promise<TemplateRow[]> {
  const { rows } = await sql<TemplateRow>`${sql.raw(ONE_EACH)}
    where published_at is not null and workspace <> ${workspace} ${sql.raw(ONE_EACH_ORDER)}`.execute(db);
  return rows;
}

const ONE_EACH = "select distinct on (workspace, name) * from template_refs";
const ONE_EACH_ORDER = `order by workspace, name, (tag = '${DEFAULT_TAG}') desc nulls last, tag is null, updated_at desc`;

export interface NewTemplate {
  /** With a tag where it is not `default`. */
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

/** A new version, that the tag stands for from now on. What it stood for before is still there by its id. */
export async function putTemplate(db: Database, given: NewTemplate): Promise<void> {
  const { name, tag } = parseTemplateReference(given.name)!;
  const { workspace, buildId } = given;
  await db.transaction().execute(async (transaction) => {
    await transaction
      .insertInto("templates")
      .values({ workspace, name, published_at: null })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await transaction
      .insertInto("template_versions")
      .values({
        id: buildId,
        workspace,
        name,
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
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await putTag(transaction, { workspace, name, tag, versionId: buildId });
  });
}

/** Answers when. */
export async function putTag(
  db: Database,
  { workspace, name, tag, versionId }: { workspace: string; name: string; tag: string; versionId: string },
): Promise<Date> {
  const values = { version_id: versionId, updated_at: new Date() };
  const row = await db
    .insertInto("template_tags")
    .values({ workspace, name, tag, ...values })
    .onConflict((conflict) => conflict.columns(["workspace", "name", "tag"]).doUpdateSet(values))
    .returning("updated_at")
    .executeTakeFirstOrThrow();
  return row.updated_at;
}

/** Whether any template still stands on this root file system. */
export async function isRootUsed(db: Database, rootKey: string): Promise<boolean> {
  const row = await db.selectFrom("template_versions").select("id").where("root_key", "=", rootKey).executeTakeFirst();
  return row !== undefined;
}
