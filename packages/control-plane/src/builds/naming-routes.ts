import type { Handlers } from "../calls/call.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { resolveAlias } from "../templates/catalogue.ts";
import * as naming from "../templates/naming.ts";
import { isCatalogues, showTemplate } from "./catalogue-view.ts";
import { forgetRoot } from "./roots.ts";

type Operations =
  | "listTemplateVersions"
  | "listTemplateTags"
  | "tagTemplate"
  | "untagTemplate"
  | "aliasTemplate"
  | "unaliasTemplate"
  | "publishTemplate"
  | "unpublishTemplate";

/** Versions, tags, other names, and who may use them. */
export function namingHandlers(parts: SandboxParts): Pick<Handlers, Operations> {
  const { db } = parts;
  const publish = async (workspace: string, text: string, isPublic: boolean) => {
    const name = await naming.publishTemplate(db, workspace, text, isPublic);
    return { status: 200 as const, body: await showTemplate(parts, workspace, name) };
  };
  return {
    listTemplateVersions: async ({ principal, params }) => ({
      status: 200,
      body: await naming.listVersions(db, await naming.requireVisible(db, principal.workspace, params.name)),
    }),
    listTemplateTags: async ({ principal, params }) => ({
      status: 200,
      body: await naming.listTags(db, await naming.requireVisible(db, principal.workspace, params.name)),
    }),
    tagTemplate: async ({ principal, params, body }) => ({
      status: 200,
      body: await naming.tagTemplate(db, principal.workspace, { ...params, from: body?.from }),
    }),
    untagTemplate: async ({ principal, params }) => {
      const roots = await naming.untagTemplate(db, principal.workspace, params.name, params.tag);
      for (const key of roots) await forgetRoot(parts, key);
      return { status: 204 };
    },
    aliasTemplate: async ({ principal: { workspace }, params: { name, alias } }) => {
      const target = (await showTemplate(parts, workspace, name)).name;
      const isTaken = (text: string) => isCatalogues(text) || resolveAlias(text) !== text;
      await naming.aliasTemplate(db, workspace, { target, alias, isTaken });
      return { status: 200, body: await showTemplate(parts, workspace, target) };
    },
    unaliasTemplate: async ({ principal: { workspace }, params: { name, alias } }) => {
      const target = (await showTemplate(parts, workspace, name)).name;
      await naming.unaliasTemplate(db, workspace, target, alias);
      return { status: 204 };
    },
    publishTemplate: ({ principal, params }) => publish(principal.workspace, params.name, true),
    unpublishTemplate: ({ principal, params }) => publish(principal.workspace, params.name, false),
  };
}
