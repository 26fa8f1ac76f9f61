import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase, type DatabaseConnection } from "../src/persistence/database.ts";
import { createTestDatabase } from "./support/database.ts";
import { testLogger } from "./support/server.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let connection: DatabaseConnection;
beforeAll(async () => {
  database = await createTestDatabase();
  connection = openDatabase(database.url, testLogger(), { statementTimeoutMs: 100 });
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

const backend = async (): Promise<number> => {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(connection.db);
  return rows[0]!.pid;
};

/** Stopping a server's process needs to be its owner, or root. */
test.runIf(process.getuid?.() === 0)(
  "a connection whose answer was given up is not used again: it may stand in a transaction that it has yet to begin",
  async () => {
    const { db } = connection;
    const stalled = await backend();
    expect(await backend(), "connections are used again").toBe(stalled);
    process.kill(stalled, "SIGSTOP");
    try {
      await expect(db.transaction().execute(async () => {})).rejects.toMatchObject({ code: "internal.database" });
    } finally {
      process.kill(stalled, "SIGCONT");
    }
    expect(await backend()).not.toBe(stalled);
  },
  20_000,
);
