import { z } from "zod";
import {
  CreatedToken,
  CreateTokenRequest,
  CreateWorkspaceRequest,
  Me,
  TokenList,
  Workspace,
  WorkspaceList,
} from "../shapes/accounts.ts";
import { AuditList, AuditQuery } from "../shapes/audit.ts";
import { empty, json, operation, optionalBody } from "./operation.ts";

const workspaceParams = z.object({ slug: z.string() });
const TAG = "Accounts";

export const accountOperations = {
  getMe: operation({
    method: "GET",
    path: "/v1/me",
    tag: TAG,
    summary: "Who the token is.",
    role: "read",
    replies: { 200: json(Me, "The token's workspace and role.") },
  }),
  listTokens: operation({
    method: "GET",
    path: "/v1/me/tokens",
    tag: TAG,
    summary: "Tokens of the own workspace.",
    role: "admin",
    replies: { 200: json(TokenList, "Without the revoked ones.") },
  }),
  createToken: operation({
    method: "POST",
    path: "/v1/me/tokens",
    tag: TAG,
    summary: "A new token for the own workspace.",
    role: "admin",
    body: optionalBody(CreateTokenRequest),
    replies: { 200: json(CreatedToken, "The token, shown this once.") },
  }),
  revokeToken: operation({
    method: "DELETE",
    path: "/v1/me/tokens/{prefix}",
    tag: TAG,
    summary: "Revoke a token of the own workspace. Acts at once.",
    role: "admin",
    params: z.object({ prefix: z.string() }),
    replies: { 204: empty("Revoked.") },
    errors: ["token.not_found", "workspace.conflict"],
  }),
  listWorkspaces: operation({
    method: "GET",
    path: "/v1/workspaces",
    tag: TAG,
    summary: "All workspaces.",
    role: "admin",
    replies: { 200: json(WorkspaceList, "By slug.") },
  }),
  createWorkspace: operation({
    method: "POST",
    path: "/v1/workspaces",
    tag: TAG,
    summary: "A new workspace.",
    role: "admin",
    body: CreateWorkspaceRequest,
    replies: { 201: json(Workspace, "Made.") },
    errors: ["workspace.conflict"],
  }),
  listAudit: operation({
    method: "GET",
    path: "/v1/audit",
    tag: TAG,
    summary: "Who did what, newest first.",
    description:
      "Everything that was more than looking, in all workspaces, and whatever a role was too small for. Bodies, queries and secrets are not in it.",
    role: "admin",
    query: AuditQuery,
    replies: { 200: json(AuditList, "A page.") },
  }),
  listWorkspaceTokens: operation({
    method: "GET",
    path: "/v1/workspaces/{slug}/tokens",
    tag: TAG,
    summary: "Tokens of a workspace.",
    role: "admin",
    params: workspaceParams,
    replies: { 200: json(TokenList, "Without the revoked ones.") },
    errors: ["workspace.not_found"],
  }),
  createWorkspaceToken: operation({
    method: "POST",
    path: "/v1/workspaces/{slug}/tokens",
    tag: TAG,
    summary: "A new token for a workspace.",
    role: "admin",
    params: workspaceParams,
    body: optionalBody(CreateTokenRequest),
    replies: { 201: json(CreatedToken, "The token, shown this once.") },
    errors: ["workspace.not_found"],
  }),
  revokeWorkspaceToken: operation({
    method: "DELETE",
    path: "/v1/workspaces/{slug}/tokens/{prefix}",
    tag: TAG,
    summary: "Revoke a token of a workspace. Acts at once.",
    role: "admin",
    params: workspaceParams.extend({ prefix: z.string() }),
    replies: { 204: empty("Revoked.") },
    errors: ["workspace.not_found", "token.not_found", "workspace.conflict"],
  }),
};
