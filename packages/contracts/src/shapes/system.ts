import { z } from "zod";

export const Health = z
  .object({ status: z.literal("ok"), checks: z.record(z.string(), z.string()) })
  .meta({ id: "Health" });
export const Ready = z.object({ status: z.literal("ok") }).meta({ id: "Ready" });
export const NotReady = z
  .object({ status: z.literal("degraded"), degraded: z.array(z.string()), reasons: z.record(z.string(), z.string()) })
  .meta({ id: "NotReady" });
export const Version = z
  .object({
    service: z.literal("pandastack"),
    semver: z.string(),
    commit: z.string(),
    build_time: z.string(),
    node: z.string(),
    os: z.string(),
    arch: z.string(),
  })
  .meta({ id: "Version" });
