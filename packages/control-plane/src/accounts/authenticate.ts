import type { Role, WorkspaceLimits } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Principal } from "../calls/call.ts";
import type { Database } from "../persistence/database.ts";
import { workspaceNetwork } from "./networks.ts";
import { hashToken, isSameHash, tokenPrefix } from "./tokens.ts";

const TOKEN_LIMIT_CHARACTERS = 512;
const rank: Record<Role, number> = { read: 0, member: 1, admin: 2 };

const invalid = () => new Refusal("auth.invalid_token", "the API token is not valid");

/** Looked up anew for every request: a revocation acts at once. With it comes what calls need to know of the workspace. */
export async function authenticate(
  db: Database,
  token: string | undefined,
  defaults: WorkspaceLimits,
): Promise<Principal> {
  if (token === undefined || token === "") {
    throw new Refusal("auth.missing_token", "an API token is needed: send it as `Authorization: Bearer pds_…`");
  }
  if (token.length > TOKEN_LIMIT_CHARACTERS) throw invalid();
  const prefix = tokenPrefix(token);
  const row = await db
    .selectFrom("tokens")
    .innerJoin("workspaces", "workspaces.slug", "tokens.workspace")
    .select(["hash", "workspace", "role", "expires_at", "revoked_at", "limits", "network", "isolation"])
    .where("prefix", "=", prefix)
    .executeTakeFirst();
  if (row === undefined || !isSameHash(row.hash, hashToken(token))) throw invalid();
  if (row.revoked_at !== null) throw new Refusal("auth.token_revoked", "the API token has been revoked");
  if (row.expires_at !== null && row.expires_at.getTime() <= Date.now())
    throw new Refusal("auth.invalid_token", "the API token has expired");
  return {
    workspace: row.workspace,
    role: row.role,
    tokenPrefix: prefix,
    limits: { ...defaults, ...row.limits },
    network: workspaceNetwork(row.network),
    isolation: row.isolation,
  };
}

/** Refuses a role below the one that an operation needs. */
export function authorise(principal: Principal, needed: Role): void {
  if (rank[principal.role] < rank[needed]) {
    throw new Refusal(
      "auth.forbidden",
      `this needs a token with the role ${needed}; yours has the role ${principal.role}`,
    );
  }
}
