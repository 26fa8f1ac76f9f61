import {
  parseTemplateReference,
  TAGS_PER_TEMPLATE,
  TEMPLATE_ALIASES_PER_WORKSPACE,
  TemplateName,
  TemplateTag,
  TemplateVersionId,
  type TemplateReference,
  type TemplateTagInfo,
  type TemplateVersion,
} from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";
import type { TemplateRow } from "../persistence/tables.ts";
import { lookUpTemplate } from "./find.ts";
import { removeEmpty, removeTag } from "./remove.ts";
import { putTag, readOwnTemplate } from "./store.ts";

const unknown = (): Refusal => new Refusal("template.unknown", "no such template");
const notYours = (): Refusal =>
  new Refusal("template.forbidden", "this template is not this workspace's own; others can only use it");

/** What the workspace may look at. */
export async function requireVisible(db: Database, workspace: string, text: string): Promise<TemplateRow> {
  const found = await lookUpTemplate(db, workspace, text);
  if (found === undefined || found === "foreign") throw unknown();
  return found.row;
}

/** The name of one that the workspace may change, whatever tag or version the text has; its other names do, too. */
export async function requireOwn(db: Database, workspace: string, text: string): Promise<TemplateReference> {
  const reference = parseTemplateReference(text);
  if (reference === undefined) throw unknown();
  const own = await db
    .selectFrom("templates")
    .select("name")
    .where("workspace", "=", workspace)
    .where("name", "=", reference.name)
    .executeTakeFirst();
  const isOwn = reference.workspace === undefined || reference.workspace === workspace;
  if (own !== undefined && isOwn) return { ...reference, workspace: undefined };
  await requireVisible(db, workspace, text);
  throw notYours();
}

export async function listVersions(db: Database, row: TemplateRow): Promise<TemplateVersion[]> {
  const rows = await db
    .selectFrom("template_refs")
    .selectAll()
    .distinctOn(["created_at", "build_id"])
    .where("workspace", "=", row.workspace)
    .where("name", "=", row.name)
    .orderBy("created_at", "desc")
    .orderBy("build_id")
    .execute();
  return rows.map((version) => ({
    id: version.build_id,
    tags: version.tags,
    base: version.base,
    size_bytes: version.bytes,
    ...(version.cpu === null ? {} : { cpu: version.cpu }),
    memory_mb: version.memory_mb,
    disk_mb: version.disk_mb,
    created_at: version.created_at.toISOString(),
  }));
}

export async function listTags(db: Database, row: TemplateRow): Promise<TemplateTagInfo[]> {
  const rows = await db
    .selectFrom("template_tags")
    .selectAll()
    .where("workspace", "=", row.workspace)
    .where("name", "=", row.name)
    .orderBy("tag")
    .execute();
  return rows.map(({ tag, version_id, updated_at }) => ({
    tag,
    version: version_id,
    updated_at: updated_at.toISOString(),
  }));
}

export async function tagTemplate(
  db: Database,
  workspace: string,
  given: { name: string; tag: string; from: string | undefined },
): Promise<TemplateTagInfo> {
  const tag = valid("tag", TemplateTag.safeParse(given.tag));
  const own = await requireOwn(db, workspace, given.name);
  const { from } = given;
  const version = from !== undefined && TemplateVersionId.safeParse(from).success ? from : undefined;
  const row = await readOwnTemplate(db, workspace, {
    name: own.name,
    tag: from ?? own.tag,
    version: version ?? own.version,
  });
  if (row === undefined)
    throw new Refusal(
      "template.unknown",
      `from: ${own.name} has no tag or version ${JSON.stringify(from ?? own.tag)}`,
      {
        details: { field: "from" },
      },
    );
  const tags = await listTags(db, row);
  if (tags.length >= TAGS_PER_TEMPLATE && !tags.some((one) => one.tag === tag))
    throw new Refusal("template.forbidden", `${own.name} has ${TAGS_PER_TEMPLATE} tags; take some away`);
  const at = await putTag(db, { workspace, name: own.name, tag, versionId: row.build_id });
  return { tag, version: row.build_id, updated_at: at.toISOString() };
}

/** Answers the root file systems of a template that had no other. */
export async function untagTemplate(db: Database, workspace: string, name: string, tag: string): Promise<string[]> {
  const own = await requireOwn(db, workspace, name);
  return db.transaction().execute(async (transaction) => {
    if (!(await removeTag(transaction, workspace, own.name, tag)))
      throw new Refusal("template.unknown", `${own.name} has no tag ${JSON.stringify(tag)}`);
    return removeEmpty(transaction, workspace, own.name);
  });
}

export async function aliasTemplate(
  db: Database,
  workspace: string,
  given: { target: string; alias: string; isTaken: (name: string) => boolean },
): Promise<void> {
  const alias = valid("alias", TemplateName.safeParse(given.alias));
  const isOwn = await db
    .selectFrom("templates")
    .select("name")
    .where("workspace", "=", workspace)
    .where("name", "=", alias)
    .executeTakeFirst();
  if (isOwn !== undefined || given.isTaken(alias))
    throw new Refusal("template.exists", `alias: ${JSON.stringify(alias)} is the name of a template`, {
      details: { field: "alias" },
    });
  const { total } = await db
    .selectFrom("template_aliases")
    .select((select) => select.fn.countAll<number>().as("total"))
    .where("workspace", "=", workspace)
    .where("alias", "<>", alias)
    .executeTakeFirstOrThrow();
  if (Number(total) >= TEMPLATE_ALIASES_PER_WORKSPACE)
    throw new Refusal(
      "template.forbidden",
      `this workspace has ${TEMPLATE_ALIASES_PER_WORKSPACE} other names for templates; take some away`,
    );
  await db
    .insertInto("template_aliases")
    .values({ workspace, alias, target: given.target })
    .onConflict((conflict) => conflict.columns(["workspace", "alias"]).doUpdateSet({ target: given.target }))
    .execute();
}

export async function unaliasTemplate(db: Database, workspace: string, target: string, alias: string): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom("template_aliases")
    .where("workspace", "=", workspace)
    .where("alias", "=", alias)
    .where("target", "=", target)
    .executeTakeFirst();
  if (numDeletedRows === 0n) throw new Refusal("template.unknown", `it has no other name ${JSON.stringify(alias)}`);
}

export async function publishTemplate(
  db: Database,
  workspace: string,
  text: string,
  isPublic: boolean,
): Promise<string> {
  const { name } = await requireOwn(db, workspace, text);
  await db
    .updateTable("templates")
    .set({ published_at: isPublic ? new Date() : null })
    .where("workspace", "=", workspace)
    .where("name", "=", name)
    .execute();
  return name;
}

function valid(
  field: string,
  parsed: { success: true; data: string } | { success: false; error: { issues: { message: string }[] } },
): string {
  if (parsed.success) return parsed.data;
  throw new Refusal("validation.failed", `${field}: ${parsed.error.issues[0]?.message ?? "is not valid"}`, {
    details: { field },
  });
}
