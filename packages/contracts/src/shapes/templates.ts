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
    runtimes: z.array(z.string()),
    aliases: z.array(z.string()),
    error: z.string().optional(),
  })
  .meta({ id: "Template" });
export type Template = z.infer<typeof Template>;

export const TemplateParams = z.object({ name: z.string().min(1).max(128) });

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
