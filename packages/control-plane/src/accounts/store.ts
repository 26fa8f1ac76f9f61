import type { Selectable } from "kysely";
import type { Role, Token } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";
import { isUniqueViolation } from "../persistence/failures.ts";
import type { TokensTable } from "../persistence/tables.ts";
import { hashToken, mintToken, tokenPrefix } from "./tokens.ts";

const MINT_ATTEMPTS = 5;
const DAY_MS = 86_400_000;

export interface NewToken {
  readonly workspace: string;
  readonly role: Role;
  readonly label?: string | undefined;
  readonly expiresInDays?: number | undefined;
}

function tokenInfo(row: Selectable<TokensTable>): Token {
  return {
    prefix: row.prefix,
    ...(row.label === null ? {} : { label: row.label }),
    role: row.role,
    workspace: row.workspace,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
  };
}

/** Stores a given token. Undefined when its prefix is taken. */
export async function insertToken(db: Database, token: string, given: NewToken): Promise<Token | undefined> {
  try {
    const row = await db
      .insertInto("tokens")
      .values({
        prefix: tokenPrefix(token),
        hash: hashToken(token),
        workspace: given.workspace,
        role: given.role,
        label: given.label ?? null,
        expires_at: given.expiresInDays === undefined ? null : new Date(Date.now() + given.expiresInDays * DAY_MS),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return tokenInfo(row);
  } catch (error) {
    if (isUniqueViolation(error)) return undefined;
    throw error;
  }
}

/** Mints one whose prefix is free: 32 bits do collide some day. */
export async function mintFreshToken(db: Database, given: NewToken): Promise<Token & { token: string }> {
  for (let attempt = 0; attempt < MINT_ATTEMPTS; attempt++) {
    const token = mintToken();
    const info = await insertToken(db, token, given);
    if (info !== undefined) return { ...info, token };
  }
  throw new Error(`no free token prefix in ${MINT_ATTEMPTS} attempts`);
}

export async function listTokens(db: Database, workspace: string): Promise<Token[]> {
  const rows = await db
    .selectFrom("tokens")
    .selectAll()
    .where("workspace", "=", workspace)
    .where("revoked_at", "is", null)
    .orderBy("created_at", "desc")
    .execute();
  return rows.map(tokenInfo);
}

/** Refuses to leave the server without an admin: nobody could ever make another. */
export async function revokeToken(db: Database, workspace: string, prefix: string): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const admins = await transaction
      .selectFrom("tokens")
      .select("prefix")
      .where("role", "=", "admin")
      .where("revoked_at", "is", null)
      .forUpdate()
      .execute();
    if (admins.length === 1 && admins[0]?.prefix === prefix) {
      throw new Refusal("workspace.conflict", "this is the last admin token: make another one before you revoke it");
    }
    const { numUpdatedRows } = await transaction
      .updateTable("tokens")
      .set({ revoked_at: new Date() })
      .where("workspace", "=", workspace)
      .where("prefix", "=", prefix)
      .where("revoked_at", "is", null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw new Refusal("token.not_found", "no such token in this workspace");
  });
}
