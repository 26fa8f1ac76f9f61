import { DatabaseSync } from "node:sqlite";

const TABLES = ["sandboxes", "snapshots", "volumes"] as const;
export type Table = (typeof TABLES)[number];

/** A thing that the journal names. `record` is its text there: the same text, the same thing. */
export interface Item {
  readonly table: Table;
  readonly id: string;
  readonly record: string;
}

export const keyOf = ({ table, id }: Item): string => `${table}/${id}`;

/** What a journal names at this moment, whether a host agent has it open or not. */
export function readItems(journal: string): Item[] {
  const db = new DatabaseSync(journal, { readOnly: true });
  try {
    db.exec("BEGIN");
    return TABLES.flatMap((table) =>
      db
        .prepare(`SELECT id, record FROM ${table}`)
        .all()
        .map((row) => ({ table, id: String(row["id"]), record: String(row["record"]) })),
    );
  } finally {
    db.close();
  }
}

/** A copy of the journal that names these items alone. */
export function writeJournal(journal: string, to: string, items: readonly Item[]): void {
  const db = new DatabaseSync(journal, { readOnly: true });
  try {
    db.prepare("VACUUM INTO ?").run(to);
  } finally {
    db.close();
  }
  changeJournal(to, () => items);
}

/** All items or none are changed. */
export function changeJournal(journal: string, change: (items: readonly Item[]) => readonly Item[]): void {
  const items = change(readItems(journal));
  const db = new DatabaseSync(journal);
  try {
    db.exec("BEGIN IMMEDIATE");
    for (const table of TABLES) db.exec(`DELETE FROM ${table}`);
    for (const { table, id, record } of items) db.prepare(`INSERT INTO ${table} VALUES (?, ?)`).run(id, record);
    db.exec("COMMIT");
  } finally {
    db.close();
  }
}

/**
 * Machines stayed behind with the server that was backed up, and may run there still, on this very host: here they are of
 * another boot. What becomes of their sandboxes the host agent knows: those that last start cold from their disks.
 */
export function leaveMachinesBehind(items: readonly Item[]): Item[] {
  return items.map((item) => {
    const record = JSON.parse(item.record) as { machine?: { bootId?: string } | null };
    if (item.table !== "sandboxes" || !record.machine) return item;
    return { ...item, record: JSON.stringify({ ...record, machine: { ...record.machine, bootId: "restored" } }) };
  });
}
