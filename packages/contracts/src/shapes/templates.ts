import { z } from "zod";

export const Template = z
  .object({
    name: z.string(),
    rootfs_path: z.string(),
    size_bytes: z.int(),
    cpu: z.int(),
    memory_mb: z.int(),
    disk_mb: z.int(),
    is_global: z.boolean(),
    status: z.enum(["baking", "ready", "failed"]),
    runtimes: z.array(z.string()),
    aliases: z.array(z.string()),
    error: z.string().optional(),
  })
  .meta({ id: "Template" });
export type Template = z.infer<typeof Template>;

export const TemplateParams = z.object({ name: z.string().min(1).max(128) });
