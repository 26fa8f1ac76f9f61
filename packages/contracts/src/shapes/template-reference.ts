import { z } from "zod";

/** What a template's name without a tag means. */
export const DEFAULT_TAG = "default";
/** Tags that one template may have, and names beside their own that a workspace may give to templates. */
export const TAGS_PER_TEMPLATE = 50;
export const TEMPLATE_ALIASES_PER_WORKSPACE = 100;
/** Versions of a template that have no tag any more and are still there: the newest. */
export const UNTAGGED_VERSIONS_KEPT = 5;

const NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}";
const TAG = "[A-Za-z0-9_][A-Za-z0-9._-]{0,63}";
const VERSION = "tb_[0-9a-f]{16}";
const WORKSPACE = "[a-z0-9][a-z0-9-]{0,62}";
const REFERENCE = new RegExp(`^(?:(${WORKSPACE})/)?(${NAME})(?::(${TAG})|@(${VERSION}))?$`);

/** Of a template, as callers write it. Those that name routes below `/v1/templates` are nobody's. */
export const TemplateName = z
  .string()
  .regex(new RegExp(`^${NAME}$`), "1 to 64 of A-Z, a-z, 0-9, dot, underscore and dash; a letter or digit first")
  .refine((name) => name !== "build" && name !== "builds", "this name is reserved");

/** Of a version, by which it can be named besides. */
export const TemplateTag = z
  .string()
  .regex(new RegExp(`^${TAG}$`), "1 to 64 of A-Z, a-z, 0-9, dot, underscore and dash; no dot or dash first")
  .refine((tag) => !new RegExp(`^${VERSION}$`).test(tag), "this is how versions are named");

/** Of what one build has made: its build's id. It never becomes something else. */
export const TemplateVersionId = z
  .string()
  .regex(new RegExp(`^${VERSION}$`), "a version's id, such as tb_0123456789abcdef");

/** What is built: a name, and where not `default` the tag that it gets. */
export const TemplateTarget = z.string().superRefine((text, context) => {
  const [name = "", tag, ...rest] = text.split(":");
  const wrong =
    TemplateName.safeParse(name).error ?? (tag === undefined ? undefined : TemplateTag.safeParse(tag).error);
  if (wrong !== undefined || rest.length > 0)
    context.addIssue({ code: "custom", message: wrong?.issues[0]?.message ?? "a name and a tag, such as my-app:v2" });
});

/** `name`, `name:tag`, `name@version`; of another workspace with `workspace/` before it. */
export interface TemplateReference {
  readonly workspace: string | undefined;
  readonly name: string;
  readonly tag: string;
  /** In the tag's place. */
  readonly version: string | undefined;
}

/** Undefined: the text names no template, whatever there is. */
export function parseTemplateReference(text: string): TemplateReference | undefined {
  const match = REFERENCE.exec(text);
  if (match === null) return undefined;
  const [, workspace, name, tag = DEFAULT_TAG, version] = match;
  return { workspace, name: name!, tag, version };
}

/** As short as it can be said. */
export function formatTemplateReference({ workspace, name, tag, version }: TemplateReference): string {
  const which = version === undefined ? (tag === DEFAULT_TAG ? "" : `:${tag}`) : `@${version}`;
  return `${workspace === undefined ? "" : `${workspace}/`}${name}${which}`;
}
