import type { SnapshotInfo } from "@pandastack/sdk";
import { z } from "zod";
import { FORK_COUNT_LIMIT } from "../limits.ts";
import { pageOf } from "../text.ts";
import { tool } from "../tool.ts";
import { metadata, offset, sandboxId } from "./arguments.ts";
import { describeSandbox } from "./sandboxes.ts";

const snapshotId = z.string().describe("A snapshot's id, as create_snapshot answers.");
const describeSnapshot = ({ id, sandbox_id, template, size_bytes, created_at }: SnapshotInfo) =>
  [id, `of ${sandbox_id}`, `template ${template}`, `${size_bytes} bytes`, created_at].join("  ");

export const branchingTools = [
  tool({
    name: "fork_sandbox",
    title: "Fork a sandbox",
    description:
      "Copies of a running sandbox with the same memory, processes and disk, each on its own from then on: to try several ways at once. The original goes on.",
    input: z.object({
      sandbox_id: sandboxId,
      count: z.number().int().min(1).max(FORK_COUNT_LIMIT).default(1),
      metadata: metadata.optional(),
    }),
    effect: "changes",
    run: async (args, { sandboxes, signal }) => {
      const parent = await sandboxes.get(args.sandbox_id, { signal });
      const children = await parent.fork(args.count, { metadata: args.metadata, signal });
      return { text: children.map(({ info }) => describeSandbox(info)).join("\n") };
    },
  }),
  tool({
    name: "create_snapshot",
    title: "Take a snapshot",
    description:
      "Keep a sandbox as it is now, memory and disk; it goes on. create_sandbox with from_snapshot starts others from it, also when the sandbox is gone.",
    input: z.object({ sandbox_id: sandboxId }),
    effect: "changes",
    run: async (args, { sandboxes, signal }) => {
      const sandbox = await sandboxes.get(args.sandbox_id, { signal });
      const info = await sandbox.snapshots.create({ signal });
      return { text: `snapshot_id: ${info.id}` };
    },
  }),
  tool({
    name: "list_snapshots",
    title: "List snapshots",
    description: "The workspace's snapshots, newest first.",
    input: z.object({ sandbox_id: sandboxId.optional().describe("Only those of one sandbox."), offset }),
    effect: "reads",
    run: async (args, { snapshots, signal }) => {
      const all = await snapshots.list({ sandboxId: args.sandbox_id, signal }).toArray();
      return { text: pageOf(all, args.offset, describeSnapshot, "there are no snapshots") };
    },
  }),
  tool({
    name: "delete_snapshot",
    title: "Delete a snapshot",
    description: "Sandboxes that came from it live on. Cannot be undone.",
    input: z.object({ snapshot_id: snapshotId }),
    effect: "destroys",
    run: async (args, { snapshots, signal }) => {
      await snapshots.delete(args.snapshot_id, { signal });
      return { text: `deleted ${args.snapshot_id}` };
    },
  }),
];
