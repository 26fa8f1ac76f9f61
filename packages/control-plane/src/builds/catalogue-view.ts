import type { SandboxParts } from "../sandboxes/parts.ts";
import { describeTemplate, findUnstored, type CatalogueView } from "../templates/catalogue.ts";
import { catalogue } from "../templates/catalogue-files.ts";
import { lookUpTemplate, readAlias, readAliases } from "../templates/find.ts";
import { readPublished, readTemplates } from "../templates/store.ts";
import { globalBuilding } from "./store.ts";
import type { Template } from "@pandastack/contracts";

/** What a workspace sees; `published`: what others have published, too. */
export async function viewOf(
  { db, watch }: SandboxParts,
  workspace: string,
  { published = false } = {},
): Promise<CatalogueView> {
  const [info, rows, others, building, aliases] = await Promise.all([
    watch.known(),
    readTemplates(db, workspace),
    published ? readPublished(db, workspace) : [],
    globalBuilding(db),
    readAliases(db, workspace),
  ]);
  return { info, rows: [...rows, ...others], building, aliases, workspace };
}

/** By its name, another name, a tag or a version. */
export async function showTemplate(parts: SandboxParts, workspace: string, text: string): Promise<Template> {
  const view = await viewOf(parts, workspace);
  const found = await lookUpTemplate(parts.db, workspace, text);
  if (found !== undefined && found !== "foreign") return describeTemplate(view, found.row);
  return findUnstored(view, (await readAlias(parts.db, workspace, text)) ?? text);
}

/** Names that are everyone's, whether built or not. */
export const isCatalogues = (name: string): boolean => catalogue.some((entry) => entry.name === name);
