import { sql } from "kysely";
import { formatTemplateReference, UNTAGGED_VERSIONS_KEPT, type TemplateReference } from "@pandastack/contracts";
import type { Database } from "../persistence/database.ts";
import { EVERYONE } from "./store.ts";

/**
 * A template with all that it has (`name`), one tag with the version that has no other (`name:tag`), or one version (`name@version`).
 * The last of either takes the template along. Answers the root file systems that nothing may stand on any more; undefined: there
 * was none.
 */
export async function deleteTemplate(
  db: Database,
  workspace: string,
  reference: Pick<TemplateReference, "name" | "tag" | "version"> & { readonly isWhole: boolean },
): Promise<string[] | undefined> {
  const { name, tag, version } = reference;
  return db.transaction().execute(async (transaction) => {
    const versions = () =>
      transaction.deleteFrom("template_versions").where("workspace", "=", workspace).where("name", "=", name);
    const gone = reference.isWhole
      ? await versions().returning("root_key").execute()
      : version === undefined
        ? await versions()
            .where("id", "in", ({ selectFrom }) =>
              selectFrom("template_tags")
                .select("version_id")
                .where("workspace", "=", workspace)
                .where("name", "=", name)
                .where("tag", "=", tag),
            )
            .where(({ not, exists, selectFrom, ref }) =>
              not(
                exists(
                  selectFrom("template_tags")
                    .select("tag")
                    .where("tag", "<>", tag)
                    .where("version_id", "=", ref("template_versions.id")),
                ),
              ),
            )
            .returning("root_key")
            .execute()
        : await versions().where("id", "=", version).returning("root_key").execute();
    const wasTagged =
      !reference.isWhole && version === undefined && (await removeTag(transaction, workspace, name, tag));
    if (gone.length === 0 && !wasTagged) return undefined;
    return [...gone.map((row) => row.root_key), ...(await removeEmpty(transaction, workspace, name))];
  });
}

/** False: there was none. The version stays. */
export async function removeTag(db: Database, workspace: string, name: string, tag: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("template_tags")
    .where("workspace", "=", workspace)
    .where("name", "=", name)
    .where("tag", "=", tag)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** A template that nothing can be named of any more, and the names that led to it. */
export async function removeEmpty(db: Database, workspace: string, name: string): Promise<string[]> {
  const { rows } = await sql<{ root_keys: string[] }>`
    delete from templates where workspace = ${workspace} and name = ${name}
      and not exists (select from template_tags where workspace = ${workspace} and name = ${name})
    returning array(select root_key from template_versions where workspace = ${workspace} and name = ${name}) as root_keys`.execute(
    db,
  );
  if (rows[0] === undefined) return [];
  const own = formatTemplateReference({ workspace: undefined, name, tag: "default", version: undefined });
  const foreign = formatTemplateReference({ workspace, name, tag: "default", version: undefined });
  await sql`delete from template_aliases where target = ${foreign} or (workspace = ${workspace} and target = ${own})`.execute(
    db,
  );
  return rows[0].root_keys;
}

/** Versions that lost their last tag, but for the newest; of everyone's, which are large, all. Answers their root file systems. */
export async function removeUntagged(db: Database): Promise<string[]> {
  const { rows } = await sql<{ root_key: string }>`
    delete from template_versions where id in (
      select id from (
        select id, workspace, row_number() over (partition by workspace, name order by created_at desc) as place
        from template_versions v
        where not exists (select from template_tags where version_id = v.id)) as untagged
      where place > case when workspace = ${EVERYONE} then 0 else ${sql.lit(UNTAGGED_VERSIONS_KEPT)} end)
    returning root_key`.execute(db);
  return rows.map((row) => row.root_key);
}
