import { z } from "zod";
import { AUDIT_PAGE_DEFAULT, AUDIT_PAGE_LIMIT } from "../limits.ts";
import { Role } from "./accounts.ts";
import { Timestamp } from "./timestamp.ts";

export const AuditEntry = z
  .object({
    id: z.int().describe("Grows; `before` takes it."),
    ts: Timestamp,
    actor: z.string().describe("The token's prefix."),
    role: Role,
    workspace: z.string(),
    operation: z.string(),
    method: z.string(),
    path: z.string(),
    target: z.string().nullable().describe("What it was done to: an id, a token's prefix, a workspace's slug."),
    request_id: z.string(),
    status: z.int(),
    code: z.string().nullable().describe("Of the error, where it was refused or failed."),
  })
  .meta({ id: "AuditEntry" });
export type AuditEntry = z.infer<typeof AuditEntry>;

export const AuditList = z
  .object({
    entries: z.array(AuditEntry),
    since: Timestamp,
    next_before: z.int().nullable().describe("For the next page; null when this was the last."),
  })
  .meta({ id: "AuditList" });

export const AuditQuery = z.object({
  since: Timestamp.optional().describe("Default 24 hours ago."),
  until: Timestamp.optional(),
  before: z.coerce.number().int().min(1).optional().describe("Only entries with a smaller id."),
  limit: z.coerce.number().int().min(1).max(AUDIT_PAGE_LIMIT).optional().describe(`Default ${AUDIT_PAGE_DEFAULT}.`),
  workspace: z.string().optional(),
  actor: z.string().optional(),
  operation: z.string().optional(),
  target: z.string().optional(),
  request_id: z.string().optional(),
});
