import { sql } from "kysely";
import { NAMED_PORTS_LIMIT } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import { nowMs } from "../persistence/clock.ts";
import type { Database } from "../persistence/database.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import { unknownSandbox } from "../sandboxes/store.ts";

/**
 * Ports that their owner said something about, in the sandbox's metadata, where clients of other servers look for them:
 * `port.N` is the label, `port.N.public` opens the preview to anyone.
 */
const LABEL = /^port\.(\d{1,5})$/;
const labelKey = (port: number) => `port.${port}`;
const publicKey = (port: number) => `port.${port}.public`;

export function isPublicPort(metadata: Readonly<Record<string, string>>, port: number): boolean {
  return metadata[publicKey(port)] === "true";
}

/** Labels by port. */
export function portLabels(metadata: Readonly<Record<string, string>>): Map<number, string> {
  const labels = new Map<number, string>();
  for (const [key, label] of Object.entries(metadata)) {
    const port = Number(LABEL.exec(key)?.[1]);
    if (port > 0 && port < 65_536) labels.set(port, label);
  }
  return labels;
}

export async function setPort(
  db: Database,
  row: SandboxRow,
  given: { port: number; label: string; isPublic: boolean },
): Promise<SandboxRow> {
  const known = portLabels(row.metadata);
  if (!known.has(given.port) && known.size >= NAMED_PORTS_LIMIT)
    throw new Refusal(
      "port.limit_reached",
      `a sandbox has at most ${NAMED_PORTS_LIMIT} ports with a label; remove one first`,
    );
  const added = JSON.stringify({
    [labelKey(given.port)]: given.label,
    ...(given.isPublic ? { [publicKey(given.port)]: "true" } : {}),
  });
  const kept = given.isPublic ? sql`metadata` : sql`(metadata - ${publicKey(given.port)}::text)`;
  return changed(
    await sql<SandboxRow>`update sandboxes set metadata = ${kept} || ${added}::jsonb, last_activity_ms = ${nowMs}
      where id = ${row.id} and wanted <> 'deleted' returning *`.execute(db),
  );
}

export async function unsetPort(db: Database, row: SandboxRow, port: number): Promise<SandboxRow> {
  return changed(
    await sql<SandboxRow>`update sandboxes set metadata = metadata - array[${labelKey(port)}::text, ${publicKey(port)}::text]
      where id = ${row.id} and wanted <> 'deleted' returning *`.execute(db),
  );
}

function changed({ rows }: { rows: readonly SandboxRow[] }): SandboxRow {
  if (rows[0] === undefined) throw unknownSandbox();
  return rows[0];
}
