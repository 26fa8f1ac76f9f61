import { z } from "zod";
import { RuntimeName } from "../host/index.ts";
import { Timestamp } from "./timestamp.ts";

export const Snapshot = z
  .object({
    id: z.uuid(),
    workspace: z.string(),
    sandbox_id: z.string(),
    template: z.string(),
    runtime: RuntimeName,
    size_bytes: z.int(),
    cpu: z.int(),
    memory_mb: z.int(),
    mem_path: z.string(),
    state_path: z.string(),
    created_at: Timestamp,
  })
  .meta({ id: "Snapshot" });
export type Snapshot = z.infer<typeof Snapshot>;

export const SnapshotList = z.object({ snapshots: z.array(Snapshot) }).meta({ id: "SnapshotList" });
