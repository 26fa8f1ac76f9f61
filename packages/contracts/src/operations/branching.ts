import {
  ForkReply,
  ForkRequest,
  ForkTreeReply,
  ForkTreeRequest,
  PromoteReply,
  PromoteRequest,
} from "../shapes/sandboxes.ts";
import { json, operation, optionalBody, sandboxParams } from "./operation.ts";
import { z } from "zod";

const TAG = "Branching";
const errors = [
  "sandbox.not_found",
  "sandbox.invalid_state",
  "quota.sandboxes_exceeded",
  "quota.running_sandboxes_exceeded",
  "capacity.unavailable",
  "capacity.insufficient_memory",
  "capacity.insufficient_storage",
  "sandbox.boot_failed",
  "volume.already_exists",
  "volume.mount_failed",
  "quota.volumes_exceeded",
  "host.unavailable",
  "idempotency.conflict",
  "idempotency.in_progress",
] as const;

export const branchingOperations = {
  forkSandbox: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/fork",
    tag: TAG,
    summary: "Copies of it with its memory, processes and disk as of now. It goes on itself.",
    role: "member",
    verb: "fork",
    isActivity: true,
    params: sandboxParams,
    query: z.object({ warm: z.string().optional().describe("Accepted; a fork is always memory and disk.") }),
    body: optionalBody(ForkRequest),
    idempotent: true,
    replies: { 201: json(ForkReply, "Running children.") },
    errors,
  }),
  forkTree: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/fork-tree",
    tag: TAG,
    summary: "Children that know of each other, to try things side by side; `promote` picks one.",
    role: "member",
    verb: "fork",
    isActivity: true,
    params: sandboxParams,
    body: optionalBody(ForkTreeRequest),
    idempotent: true,
    replies: { 201: json(ForkTreeReply, "Running children, in index order.") },
    errors,
  }),
  promoteSandbox: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/promote",
    tag: TAG,
    summary: "This child of a tree has won: keep it, and delete the others if asked to. Repeatable.",
    role: "member",
    verb: "configure",
    isActivity: true,
    params: sandboxParams,
    body: optionalBody(PromoteRequest),
    replies: { 200: json(PromoteReply, "What was deleted, and what could not be.") },
    errors: ["sandbox.not_found"],
  }),
};
