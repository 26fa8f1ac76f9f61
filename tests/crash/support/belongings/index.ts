import { waitFor } from "@pandastack/platform";
import { readJournal, readRows } from "../records.ts";
import type { CrashServer } from "../server.ts";
import { inTheKernel } from "./kernel.ts";
import { difference, ids } from "./look.ts";
import { machinesOf } from "../../../e2e/support/machines.ts";
import { inFolders } from "./pool.ts";

/** Undone work waits up to 5 s for a reconciler, and after the database was away up to 10 s more. */
const SETTLE_TIMEOUT_MS = 40_000;

/** Waits until rows, journal, pool and kernel agree; throws with what does not belong to anyone. */
export async function untilNothingIsNoOnes(server: CrashServer, keysGivenUp = 0): Promise<void> {
  let complaints: string[] = ["never looked"];
  await waitFor(
    async () => {
      complaints = await strays(server, keysGivenUp);
      return complaints.length === 0;
    },
    { timeoutMs: SETTLE_TIMEOUT_MS, intervalMs: 100, message: "something belongs to no one" },
  ).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}:\n${complaints.join("\n")}`, {
      cause: error,
    });
  });
}

/** Whatever one side has and another does not know, one line each. */
async function strays(server: CrashServer, keysGivenUp: number): Promise<string[]> {
  const rows = await readRows(server).catch((error: unknown) => String(error));
  if (typeof rows === "string") return [`the database cannot be read: ${rows}`];
  const journal = readJournal(server);
  const known = journal.sandboxes.map((sandbox) => sandbox.machine).filter((machine) => machine !== null);
  const machines = machinesOf(server);
  return [
    ...rows.sandboxes
      .filter((row) => row.wanted === "deleted" || row.status === "creating")
      .map((row) => `row of sandbox ${row.id}: wanted ${row.wanted}, ${row.status}`),
    ...rows.snapshots
      .filter((row) => row.wanted === "deleted" || row.status === "creating")
      .map((row) => `row of snapshot ${row.id}: wanted ${row.wanted}, ${row.status}`),
    ...rows.volumes
      .filter((row) => row.wanted === "deleted" || row.status === "creating")
      .map((row) => `row of volume ${row.id}: wanted ${row.wanted}, ${row.status}`),
    ...(rows.openKeys <= keysGivenUp ? [] : [`${rows.openKeys} idempotency keys without an answer`]),
    ...difference("sandbox", { rows: ids(rows.sandboxes), journal: ids(journal.sandboxes) }),
    ...difference("snapshot", { rows: ids(rows.snapshots), journal: ids(journal.snapshots) }),
    ...difference("volume and its size", {
      rows: rows.volumes.map((row) => `${row.id} ${row.size_bytes}`),
      journal: journal.volumes.map((volume) => `${volume.id} ${volume.sizeBytes}`),
    }),
    ...difference("state of sandbox", {
      rows: rows.sandboxes.map((row) => `${row.id} ${row.status}`),
      journal: journal.sandboxes.map((sandbox) => `${sandbox.id} ${sandbox.state}`),
    }),
    ...inFolders(server, journal, machines),
    ...inTheKernel(server, known, machines),
  ];
}
