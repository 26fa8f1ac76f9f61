import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { copyTree, copyLiving } from "./copy.ts";

/** What PostgreSQL makes anew, or must not find: https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP-DATA */
const LEFT_OUT =
  /^(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)\/|^postmaster\.(pid|opts)$|(^|\/)pgsql_tmp/;

/** A cluster that no server runs on. */
export async function copyStoppedCluster(cluster: string, to: string): Promise<void> {
  await copyTree(cluster, to);
}

/**
 * A base backup of a running cluster, with all of the log that it needs: started on it, PostgreSQL is where it was at the end.
 * The slot keeps that log until it is copied.
 */
export async function copyRunningCluster(options: { cluster: string; socketDir: string; to: string }): Promise<void> {
  const { cluster, socketDir, to } = options;
  const client = new pg.Client({ host: socketDir, user: "postgres", database: "postgres" });
  await client.connect();
  try {
    const slot = `pandastack_backup_${process.pid}`;
    await client.query("SELECT pg_create_physical_replication_slot($1, true, true)", [slot]);
    await client.query("SELECT pg_backup_start('pandastack', true)");
    copyLiving(cluster, to, (path) => LEFT_OUT.test(path));
    const { rows } = await client.query<{ labelfile: string }>("SELECT labelfile FROM pg_backup_stop(false)");
    copyLiving(join(cluster, "pg_wal"), join(to, "pg_wal"), () => false);
    writeFileSync(join(to, "backup_label"), rows[0]?.labelfile ?? "", { mode: 0o600 });
    // Left out with their content, and wanted as folders.
    for (const name of [
      "pg_replslot",
      "pg_dynshmem",
      "pg_notify",
      "pg_serial",
      "pg_snapshots",
      "pg_stat_tmp",
      "pg_subtrans",
    ])
      if (existsSync(join(cluster, name))) mkdirSync(join(to, name), { recursive: true, mode: 0o700 });
  } finally {
    await client.end();
  }
}
