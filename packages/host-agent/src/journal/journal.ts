import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { HostEvent } from "@pandastack/contracts/host";
import { newHexId, Refusal } from "@pandastack/platform";

/** A command's answer is repeated this long; then its id may be forgotten. */
const OPERATION_MEMORY_MS = 24 * 60 * 60 * 1000;
/** Events kept for a control plane that was away. */
const KEPT_EVENTS = 10_000;

/** SQLite's code for a disk that is full. */
const SQLITE_FULL = 13;
const isFull = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && error.errcode === SQLITE_FULL;

export interface FinishedOperation {
  readonly commandHash: string;
  readonly result: unknown;
}

export interface Change {
  readonly putSandbox?: { id: string; record: unknown };
  readonly removeSandbox?: string;
  readonly putSnapshot?: { id: string; record: unknown };
  readonly removeSnapshot?: string;
  readonly putVolume?: { id: string; record: unknown };
  readonly removeVolume?: string;
  readonly event?: { sandboxId: string | null; type: string; payload: Record<string, unknown> };
}

/**
 * What *is* on this host, on disk: sandboxes with their machines, snapshots, answered operations, events. One SQLite file;
 * a change is there whole after a kill at any instruction, or not at all. Everything outside that the journal does not
 * name (a process, a folder, a slot) belongs to no one and is removed at the next start.
 */
export class Journal {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** Changes whenever the journal starts anew: commands meant for a former life of this host are refused. */
  readonly epoch: string;
  readonly hostId: string;
  /**
   * This is a copy of a journal that an agent has written elsewhere: another file than the one that was settled in. The machines
   * that it names are the other's, if they live, and whatever it says of their pids must not be acted on.
   */
  readonly isCopy: boolean;
  readonly #file: string;

  constructor(dataDir: string) {
    const dir = join(dataDir, "journal");
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const path = join(dir, "host.sqlite");
    this.#db = new DatabaseSync(path);
    this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;");
    this.#db.exec(`
      CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS sandboxes (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS snapshots (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS volumes (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS operations (id TEXT PRIMARY KEY, command_hash TEXT NOT NULL, result TEXT NOT NULL, finished_at INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, sandbox_id TEXT, type TEXT NOT NULL, payload TEXT NOT NULL) STRICT;
    `);
    this.epoch = this.#meta("epoch");
    this.hostId = this.#meta("host_id");
    const { dev, ino } = statSync(path, { bigint: true });
    this.#file = `${dev}:${ino}`;
    const settled = this.#prepare("SELECT value FROM meta WHERE name = 'file'").get();
    this.isCopy = settled !== undefined && settled["value"] !== this.#file;
    this.#prepare("DELETE FROM operations WHERE finished_at < ?").run(Date.now() - OPERATION_MEMORY_MS);
    this.#prepare("DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?").run(KEPT_EVENTS);
  }

  /** From here on what it names is this file's own. After recovery. */
  settle(): void {
    this.#prepare("INSERT OR REPLACE INTO meta VALUES ('file', ?)").run(this.#file);
  }

  sandboxes<T>(): T[] {
    return this.#prepare("SELECT record FROM sandboxes")
      .all()
      .map((row) => JSON.parse(String(row["record"])) as T);
  }

  snapshots<T>(): T[] {
    return this.#prepare("SELECT record FROM snapshots")
      .all()
      .map((row) => JSON.parse(String(row["record"])) as T);
  }

  volumes<T>(): T[] {
    return this.#prepare("SELECT record FROM volumes")
      .all()
      .map((row) => JSON.parse(String(row["record"])) as T);
  }

  operation(id: string): FinishedOperation | undefined {
    const row = this.#prepare("SELECT command_hash, result FROM operations WHERE id = ?").get(id);
    return row && { commandHash: String(row["command_hash"]), result: JSON.parse(String(row["result"])) };
  }

  /** All of it or nothing, on disk on return. Answers the events as they were numbered. */
  commit(changes: readonly Change[], operation?: { id: string; commandHash: string; result: unknown }): HostEvent[] {
    const events: HostEvent[] = [];
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      for (const change of changes) this.#apply(change, events);
      if (operation) {
        this.#prepare("INSERT OR REPLACE INTO operations VALUES (?, ?, ?, ?)").run(
          operation.id,
          operation.commandHash,
          JSON.stringify(operation.result),
          Date.now(),
        );
      }
      this.#db.exec("COMMIT");
    } catch (error) {
      // Of some failures SQLite has rolled back by itself.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      if (!isFull(error)) throw error;
      const message = "the disk with the host's journal is full; nothing was changed";
      throw new Refusal("capacity.insufficient_storage", message, { cause: error, details: { limit: "journal" } });
    }
    return events;
  }

  events(after: number): HostEvent[] {
    return this.#prepare("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT 1000")
      .all(after)
      .map((row) => ({
        seq: Number(row["seq"]),
        time: String(row["time"]),
        sandboxId: row["sandbox_id"] === null ? null : String(row["sandbox_id"]),
        type: String(row["type"]),
        payload: JSON.parse(String(row["payload"])),
      }));
  }

  close(): void {
    this.#db.close();
  }

  #apply(change: Change, events: HostEvent[]): void {
    if (change.putSandbox) {
      this.#prepare("INSERT OR REPLACE INTO sandboxes VALUES (?, ?)").run(
        change.putSandbox.id,
        JSON.stringify(change.putSandbox.record),
      );
    }
    if (change.removeSandbox) this.#prepare("DELETE FROM sandboxes WHERE id = ?").run(change.removeSandbox);
    if (change.putSnapshot) {
      this.#prepare("INSERT OR REPLACE INTO snapshots VALUES (?, ?)").run(
        change.putSnapshot.id,
        JSON.stringify(change.putSnapshot.record),
      );
    }
    if (change.removeSnapshot) this.#prepare("DELETE FROM snapshots WHERE id = ?").run(change.removeSnapshot);
    if (change.putVolume) {
      this.#prepare("INSERT OR REPLACE INTO volumes VALUES (?, ?)").run(
        change.putVolume.id,
        JSON.stringify(change.putVolume.record),
      );
    }
    if (change.removeVolume) this.#prepare("DELETE FROM volumes WHERE id = ?").run(change.removeVolume);
    if (change.event) {
      const { sandboxId, type, payload } = change.event;
      const time = new Date().toISOString();
      const { lastInsertRowid } = this.#prepare(
        "INSERT INTO events (time, sandbox_id, type, payload) VALUES (?, ?, ?, ?)",
      ).run(time, sandboxId, type, JSON.stringify(payload));
      events.push({ seq: Number(lastInsertRowid), time, sandboxId, type, payload });
    }
  }

  #meta(name: string): string {
    this.#prepare("INSERT OR IGNORE INTO meta VALUES (?, ?)").run(name, newHexId(8));
    return String(this.#prepare("SELECT value FROM meta WHERE name = ?").get(name)!["value"]);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }
}
