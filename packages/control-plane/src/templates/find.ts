import {
  DEFAULT_TAG,
  formatTemplateReference,
  parseTemplateReference,
  type TemplateReference,
} from "@pandastack/contracts";
import type { Database } from "../persistence/database.ts";
import type { TemplateRow } from "../persistence/tables.ts";
import { EVERYONE, readOwnTemplate } from "./store.ts";

export interface FoundTemplate {
  readonly row: TemplateRow;
  /** As it can be said in the workspace, whatever it was asked by. */
  readonly reference: TemplateReference;
}

/**
 * What a workspace means by a text: its own before everyone's, then its other names; of another workspace what that has published.
 * `foreign`: of a workspace that there is, and not published, or not there: the same answer for both.
 */
export async function lookUpTemplate(
  db: Database,
  workspace: string,
  text: string,
): Promise<FoundTemplate | "foreign" | undefined> {
  const asked = parseTemplateReference(text);
  if (asked === undefined) return undefined;
  const found = await lookUpExact(db, workspace, asked);
  if (found !== undefined || asked.workspace !== undefined) return found;
  const target = await readAlias(db, workspace, asked.name);
  const meant = target === undefined ? undefined : parseTemplateReference(target);
  if (meant === undefined) return undefined;
  return lookUpExact(db, workspace, { ...meant, tag: asked.tag, version: asked.version });
}

async function lookUpExact(
  db: Database,
  workspace: string,
  reference: TemplateReference,
): Promise<FoundTemplate | "foreign" | undefined> {
  const isForeign = reference.workspace !== undefined && reference.workspace !== workspace;
  if (!isForeign) {
    const own = { ...reference, workspace: undefined };
    const row = (await readOwnTemplate(db, workspace, own)) ?? (await readOwnTemplate(db, EVERYONE, own));
    return row === undefined ? undefined : { row, reference: own };
  }
  const row = await readOwnTemplate(db, reference.workspace, reference);
  if (row !== undefined && row.published_at !== null) return { row, reference };
  return (await isWorkspace(db, reference.workspace)) ? "foreign" : undefined;
}

async function isWorkspace(db: Database, slug: string): Promise<boolean> {
  const row = await db.selectFrom("workspaces").select("slug").where("slug", "=", slug).executeTakeFirst();
  return row !== undefined;
}

/** The text that another name stands for. */
export async function readAlias(db: Database, workspace: string, alias: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("template_aliases")
    .select("target")
    .where("workspace", "=", workspace)
    .where("alias", "=", alias)
    .executeTakeFirst();
  return row?.target;
}

/** Of all of a workspace's other names: the target's, as the workspace says it, to the names. */
export async function readAliases(db: Database, workspace: string): Promise<ReadonlyMap<string, string[]>> {
  const rows = await db
    .selectFrom("template_aliases")
    .select(["alias", "target"])
    .where("workspace", "=", workspace)
    .orderBy("alias")
    .execute();
  const byTarget = new Map<string, string[]>();
  for (const { alias, target } of rows) byTarget.set(target, [...(byTarget.get(target) ?? []), alias]);
  return byTarget;
}

/** A template's name without a tag, as this workspace says it. */
export function nameFor(workspace: string, row: Pick<TemplateRow, "workspace" | "name">): string {
  const isOwn = row.workspace === workspace || row.workspace === EVERYONE;
  return formatTemplateReference({
    workspace: isOwn ? undefined : row.workspace,
    name: row.name,
    tag: DEFAULT_TAG,
    version: undefined,
  });
}
