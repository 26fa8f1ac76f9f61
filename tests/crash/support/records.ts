import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import pg from "pg";
import type { CrashServer } from "./server.ts";

/** A machine as the journal has it; see `packages/host-agent/src/runtimes/runtime.ts`. */
export interface JournalMachine {
  machineId: string;
  pid: number;
  slot: { number: number; netns: string; uid: number };
  /** gVisor: `erofs` where files are in memory. */
  state?: { erofs?: string };
}

export interface JournalVolume {
  id: string;
  sizeBytes: number;
}

export interface JournalSandbox {
  id: string;
  runtime: "qemu" | "gvisor" | "fake";
  state: string;
  reason: string | null;
  persistent: boolean;
  restartDue?: boolean;
  volumes?: { drive: number; readOnly: boolean }[];
  machine: JournalMachine | null;
}

interface Journal {
  sandboxes: JournalSandbox[];
  snapshots: { id: string }[];
  volumes: JournalVolume[];
}

/** What the host agent has written down. */
export function readJournal(server: CrashServer): Journal {
  const db = new DatabaseSync(join(server.dataDir, "journal/host.sqlite"), { readOnly: true });
  try {
    const records = <T>(table: string): T[] =>
      db
        .prepare(`SELECT record FROM ${table}`)
        .all()
        .map((row) => JSON.parse(String(row["record"])) as T);
    return { sandboxes: records("sandboxes"), snapshots: records("snapshots"), volumes: records("volumes") };
  } finally {
    db.close();
  }
}

export interface Row {
  id: string;
  wanted: string;
  status: string;
}

export interface Rows {
  sandboxes: Row[];
  snapshots: Row[];
  volumes: (Row & { size_bytes: string })[];
  /** Keys whose request nobody has answered. */
  openKeys: number;
}

/** What the control plane has written down, without what is over and done with. */
export async function readRows(server: CrashServer): Promise<Rows> {
  const client = new pg.Client({ host: join(server.runDir, "pg"), user: "pandastack", database: "pandastack" });
  client.on("error", () => {});
  await client.connect();
  try {
    const live = async (table: string): Promise<Row[]> =>
      (await client.query<Row>(`select id, wanted, status from ${table} where deleted_at is null`)).rows;
    const keys = await client.query<{ count: string }>("select count(*) from idempotency_keys where status is null");
    return {
      sandboxes: await live("sandboxes"),
      snapshots: await live("snapshots"),
      volumes: (
        await client.query<Row & { size_bytes: string }>(
          "select id, wanted, status, size_bytes from volumes where deleted_at is null",
        )
      ).rows,
      openKeys: Number(keys.rows[0]?.count ?? 0),
    };
  } finally {
    await client.end();
  }
}
