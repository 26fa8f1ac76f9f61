import { AUDIT_PAGE_DEFAULT } from "@pandastack/contracts";
import type { Handlers } from "../calls/call.ts";
import type { Database } from "../persistence/database.ts";
import { readAudit } from "./audit.ts";

const DEFAULT_SINCE_MS = 24 * 3_600_000;

export function auditHandlers(db: Database): Pick<Handlers, "listAudit"> {
  return {
    listAudit: async ({ query }) => {
      const { since, until, before, limit = AUDIT_PAGE_DEFAULT, ...filters } = query;
      const from = since === undefined ? new Date(Date.now() - DEFAULT_SINCE_MS) : new Date(since);
      const entries = await readAudit(db, {
        since: from,
        until: until === undefined ? undefined : new Date(until),
        before,
        limit,
        filters,
      });
      const last = entries.length === limit ? entries.at(-1) : undefined;
      return { status: 200, body: { entries, since: from.toISOString(), next_before: last?.id ?? null } };
    },
  };
}
