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
    parent_snapshot_id: z
      .uuid()
      .nullable()
      .describe("That its sandbox was created from; null: from the template, or by a fork. It may be deleted by now."),
    parent_sandbox_id: z
      .string()
      .nullable()
      .describe("That its sandbox is a fork of; null: of none. It may be deleted by now."),
    size_bytes: z
      .int()
      .describe("Of its memory, devices and disk on the pool, what it shares with other images included."),
    unique_bytes: z
      .int()
      .nullable()
      .describe("What taking it added: memory that was in no other image. Null where the host did not note it."),
    cpu: z.int(),
    memory_mb: z.int(),
    mem_path: z.string(),
    state_path: z.string(),
    created_at: Timestamp,
  })
  .meta({ id: "Snapshot" });
export type Snapshot = z.infer<typeof Snapshot>;

export const SnapshotList = z.object({ snapshots: z.array(Snapshot) }).meta({ id: "SnapshotList" });
