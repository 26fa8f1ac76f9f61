import { createHash } from "node:crypto";
import { PREVIEW_REVOCATIONS_LIMIT } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import { sql } from "kysely";
import type { Database } from "../persistence/database.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import { unknownSandbox } from "../sandboxes/store.ts";
import type { Preview } from "./preview-tokens.ts";

/** Of a signed link, as the database has it: who reads that cannot make the link of it. */
const digestOf = (token: string): string => createHash("sha256").update(token).digest("base64url");

export function requireUnrevoked(row: SandboxRow, token: string, preview: Preview): void {
  if (isRevoked(row, token, preview)) throw new Refusal("preview.revoked", "this preview link was taken back");
}

export function isRevoked({ preview_revocations: revoked }: SandboxRow, token: string, preview: Preview): boolean {
  return preview.issuedMs <= (revoked.before ?? -1) || Object.hasOwn(revoked.tokens ?? {}, digestOf(token));
}

/** Every link that was made for it until now. */
export async function revokeAll(db: Database, row: SandboxRow): Promise<SandboxRow> {
  const revoked = JSON.stringify({ before: Date.now() });
  const { rows } = await sql<SandboxRow>`
    update sandboxes set preview_revocations = ${revoked}::jsonb where id = ${row.id} and wanted <> 'deleted' returning *`.execute(
    db,
  );
  if (rows[0] === undefined) throw unknownSandbox();
  return rows[0];
}

/** One link. It is remembered until it would have expired. */
export async function revokeOne(
  db: Database,
  row: SandboxRow,
  { token, expires }: { token: string; expires: number },
): Promise<SandboxRow> {
  const added = JSON.stringify({ [digestOf(token)]: expires });
  const { rows } = await sql<SandboxRow>`
    with kept as (
      select coalesce(jsonb_object_agg(key, value), '{}') as tokens, count(*) as count
      from jsonb_each((select coalesce(preview_revocations -> 'tokens', '{}') from sandboxes where id = ${row.id}))
      where value::text::bigint > extract(epoch from clock_timestamp()))
    update sandboxes set preview_revocations = preview_revocations || jsonb_build_object('tokens', kept.tokens || ${added}::jsonb)
    from kept where id = ${row.id} and wanted <> 'deleted' and kept.count < ${PREVIEW_REVOCATIONS_LIMIT}
    returning sandboxes.*`.execute(db);
  if (rows[0] === undefined)
    throw new Refusal(
      "port.limit_reached",
      `${PREVIEW_REVOCATIONS_LIMIT} links of this sandbox were taken back one by one and have not expired; take back all of them`,
    );
  return rows[0];
}
