import type { Handlers } from "../calls/call.ts";
import type { Database } from "../persistence/database.ts";
import { listTokens, mintFreshToken, revokeToken } from "./store.ts";
import { createWorkspace, listWorkspaces, requireWorkspace } from "./workspaces.ts";

type Operations =
  | "getMe"
  | "listTokens"
  | "createToken"
  | "revokeToken"
  | "listWorkspaces"
  | "createWorkspace"
  | "listWorkspaceTokens"
  | "createWorkspaceToken"
  | "revokeWorkspaceToken";

/** `onRevoked`: has what is being done with the token ended, but for the call whose signal is given. */
export function accountHandlers(
  db: Database,
  onRevoked: (prefix: string, except: AbortSignal) => void,
): Pick<Handlers, Operations> {
  return {
    getMe: async ({ principal }) => ({
      status: 200,
      body: {
        user_id: principal.workspace,
        email: null,
        current_org: null,
        orgs: [],
        auth_method: "token",
        workspace: principal.workspace,
        role: principal.role,
        token_prefix: principal.tokenPrefix,
      },
    }),

    listTokens: async ({ principal }) => ({ status: 200, body: { items: await listTokens(db, principal.workspace) } }),

    createToken: async ({ principal, body }) => ({
      status: 200,
      body: await mintFreshToken(db, {
        workspace: principal.workspace,
        role: body?.role ?? "member",
        label: body?.label ?? undefined,
        expiresInDays: body?.expires_in_days ?? undefined,
      }),
    }),

    revokeToken: async ({ principal, params, signal }) => {
      await revokeToken(db, principal.workspace, params.prefix);
      onRevoked(params.prefix, signal);
      return { status: 204 };
    },

    listWorkspaces: async () => ({ status: 200, body: { workspaces: await listWorkspaces(db) } }),

    createWorkspace: async ({ body }) => ({
      status: 201,
      body: await createWorkspace(db, { slug: body.slug, name: body.name ?? body.slug }),
    }),

    listWorkspaceTokens: async ({ params }) => {
      await requireWorkspace(db, params.slug);
      return { status: 200, body: { items: await listTokens(db, params.slug) } };
    },

    createWorkspaceToken: async ({ params, body }) => {
      await requireWorkspace(db, params.slug);
      const token = await mintFreshToken(db, {
        workspace: params.slug,
        role: body?.role ?? "member",
        label: body?.label ?? undefined,
        expiresInDays: body?.expires_in_days ?? undefined,
      });
      return { status: 201, body: token };
    },

    revokeWorkspaceToken: async ({ params, signal }) => {
      await requireWorkspace(db, params.slug);
      await revokeToken(db, params.slug, params.prefix);
      onRevoked(params.prefix, signal);
      return { status: 204 };
    },
  };
}
