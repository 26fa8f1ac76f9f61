import { z } from "zod";

export const Port = z
  .object({
    port: z.int(),
    label: z.string().optional(),
    listening: z.boolean(),
    source: z.enum(["user", "detected"]),
    process: z.string().optional(),
    proxy_url: z.string(),
  })
  .meta({ id: "Port" });
export type Port = z.infer<typeof Port>;
