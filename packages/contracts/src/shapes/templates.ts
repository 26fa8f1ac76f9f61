import { z } from "zod";
import { Flag } from "./flags.ts";
import { Timestamp } from "./timestamp.ts";

export const TemplateStatus = z.enum(["available", "building", "baking", "ready", "failed"]);

export const Template = z
  .object({
    name: z.string(),
    rootfs_path: z.string(),
    size_bytes: z.int(),
    cpu: z.int(),
    memory_mb: z.int(),
    disk_mb: z.int(),
    is_global: z.boolean(),
    workspace: z.string().optional().describe("Whose it is; absent: everyone's."),
    label: z.string().optional(),
    description: z.string().optional(),
    category: z.string().optional(),
    base: z.string().optional().describe("The template that it was made from."),
    tools: z.array(z.string()).optional(),
    ports: z.array(z.string()).optional().describe("That the image it is made of says it listens on: `8080/tcp`."),
    status: TemplateStatus.describe(
      "`available`: in the catalogue, not built here yet. `building`; `baking`: its memory is being made. Sandboxes can be made of `ready` ones.",
    ),
    version: z.string().optional().describe("Of what its name stands for now; `name@version` is this one for good."),
    tags: z.array(z.string()).optional(),
    published: z.boolean().optional().describe("Whether other workspaces can use it, as `workspace/name`."),
    runtimes: z.array(z.string()),
    aliases: z.array(z.string()).describe("Other names of it, in this workspace."),
    error: z.string().optional(),
  })
  .meta({ id: "Template" });
export type Template = z.infer<typeof Template>;

/** With a tag (`name:tag`), a version (`name@version`), or of another workspace (`workspace/name`, its slash as `%2F`). */
export const TemplateParams = z.object({ name: z.string().min(1).max(256) });
export const TemplateTagParams = TemplateParams.extend({ tag: z.string().min(1).max(128) });
export const TemplateAliasParams = TemplateParams.extend({ alias: z.string().min(1).max(128) });
export const ListTemplatesQuery = z.object({
  published: Flag.optional().describe("Those that other workspaces have published, too."),
});

export const TagTemplateRequest = z
  .object({ from: z.string().max(128).optional().describe("A tag or a version's id. Default: the tag `default`.") })
  .meta({ id: "TagTemplateRequest" });

export const TemplateTagInfo = z
  .object({ tag: z.string(), version: z.string(), updated_at: Timestamp })
  .meta({ id: "TemplateTag" });
export type TemplateTagInfo = z.infer<typeof TemplateTagInfo>;

export const TemplateVersion = z
  .object({
    id: z.string().describe("Its build's."),
    tags: z.array(z.string()),
    base: z.string(),
    size_bytes: z.int(),
    cpu: z.int().optional(),
    memory_mb: z.int(),
    disk_mb: z.int(),
    created_at: Timestamp,
  })
  .meta({ id: "TemplateVersion" });
export type TemplateVersion = z.infer<typeof TemplateVersion>;

export const TemplateBuild = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(["queued", "building", "done", "failed"]),
    error: z.string().optional().describe("Which step, and why."),
    step: z.int().optional().describe("The step that is done, or that failed; from 1."),
    steps: z.int(),
    cached_steps: z.int().describe("Steps whose result was there already."),
    started_at: Timestamp,
    ended_at: Timestamp.optional(),
    size_mb: z.int(),
    bytes: z.int().optional(),
    cpu: z.int().optional(),
    memory_mb: z.int().optional(),
    owner_workspace: z.string().optional(),
  })
  .meta({ id: "TemplateBuild" });
export type TemplateBuild = z.infer<typeof TemplateBuild>;

export const TemplateBuildParams = z.object({ id: z.string().min(1).max(64) });
export const BuildTemplateQuery = z.object({ replace: Flag.optional() });
export const BuildLogsQuery = z.object({ follow: Flag.optional() });

export const BakedImage = z
  .object({
    image: z.string().describe("The template's name."),
    status: z.enum(["baked", "building"]),
    build: TemplateBuild,
  })
  .meta({ id: "BakedImage" });
