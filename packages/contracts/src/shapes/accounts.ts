import { z } from "zod";
import { Timestamp } from "./timestamp.ts";

/** read: looks at everything in its workspace. member: works in it. admin: also makes workspaces and tokens. */
export const Role = z.enum(["read", "member", "admin"]).meta({ id: "Role" });
export type Role = z.infer<typeof Role>;

export const Me = z
  .object({
    user_id: z.string().describe("The workspace's slug: tokens belong to workspaces."),
    email: z.null(),
    current_org: z.null(),
    orgs: z.array(z.never()),
    auth_method: z.literal("token"),
    workspace: z.string(),
    role: Role,
    token_prefix: z.string(),
  })
  .meta({ id: "Me" });

export const Token = z
  .object({
    prefix: z.string(),
    label: z.string().optional(),
    role: Role,
    workspace: z.string(),
    created_at: Timestamp,
    expires_at: Timestamp.nullable(),
  })
  .meta({ id: "Token" });
export type Token = z.infer<typeof Token>;

export const TokenList = z.object({ items: z.array(Token) }).meta({ id: "TokenList" });

export const CreatedToken = Token.extend({ token: z.string().describe("The whole token. Shown this once.") }).meta({
  id: "CreatedToken",
});

export const CreateTokenRequest = z
  .object({
    label: z.string().max(200).nullish(),
    role: Role.nullish().describe("Default member."),
    expires_in_days: z.number().positive().max(3650).nullish(),
  })
  .meta({ id: "CreateTokenRequest" });

export const WorkspaceSlug = z.string().regex(/^[a-z0-9][a-z0-9-]{1,39}$/, "2 to 40 characters of a-z, 0-9 and -");
export const Workspace = z
  .object({ slug: z.string(), name: z.string(), created_at: Timestamp })
  .meta({ id: "Workspace" });

/** `kernel`: every sandbox has a kernel of its own, so that gVisor is out. */
export const IsolationPolicy = z.enum(["any", "kernel"]).meta({ id: "IsolationPolicy" });
export type IsolationPolicy = z.infer<typeof IsolationPolicy>;
export const WorkspaceIsolation = z
  .object({
    isolation: IsolationPolicy.describe(
      "`any` (default): whatever runtime the server has. `kernel`: only runtimes that give each sandbox a kernel of its own; gVisor is refused, and `auto` is a microVM.",
    ),
  })
  .meta({ id: "WorkspaceIsolation" });
export const UpdateWorkspaceIsolationRequest = z
  .strictObject({ isolation: IsolationPolicy })
  .meta({ id: "UpdateWorkspaceIsolationRequest" });

export const WorkspaceList = z.object({ workspaces: z.array(Workspace) }).meta({ id: "WorkspaceList" });
export const CreateWorkspaceRequest = z
  .object({ slug: WorkspaceSlug, name: z.string().min(1).max(200).nullish() })
  .meta({ id: "CreateWorkspaceRequest" });
