import { z } from "zod";
import { Snapshot, SnapshotList } from "../shapes/snapshots.ts";
import { json, operation, sandboxParams } from "./operation.ts";

const TAG = "Snapshots";
const snapshotParams = z.object({ id: z.string() });

export const snapshotOperations = {
  createSnapshot: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/snapshots",
    tag: TAG,
    summary: "Memory, devices and disk of a sandbox at one instant. It goes on.",
    role: "member",
    verb: "snapshot",
    isActivity: true,
    params: sandboxParams,
    idempotent: true,
    replies: { 201: json(Snapshot, "Taken.") },
    errors: [
      "sandbox.not_found",
      "sandbox.invalid_state",
      "sandbox.wake_failed",
      "quota.snapshots_exceeded",
      "capacity.insufficient_storage",
      "host.unavailable",
      "idempotency.conflict",
      "idempotency.in_progress",
    ],
  }),
  listSnapshots: operation({
    method: "GET",
    path: "/v1/snapshots",
    tag: TAG,
    summary: "The workspace's snapshots, newest first, at most 500.",
    role: "read",
    query: z.object({ sandbox_id: z.string().optional() }),
    replies: { 200: json(SnapshotList, "Snapshots.") },
  }),
  getSnapshot: operation({
    method: "GET",
    path: "/v1/snapshots/{id}",
    tag: TAG,
    summary: "One snapshot.",
    role: "read",
    params: snapshotParams,
    replies: { 200: json(Snapshot, "Snapshot.") },
    errors: ["snapshot.not_found"],
  }),
  deleteSnapshot: operation({
    method: "DELETE",
    path: "/v1/snapshots/{id}",
    tag: TAG,
    summary: "Remove it. Sandboxes that came from it live on. Repeatable.",
    role: "member",
    params: snapshotParams,
    replies: { 200: json(z.object({ deleted: z.string() }), "Gone.") },
    errors: ["snapshot.not_found", "host.unavailable"],
  }),
};
