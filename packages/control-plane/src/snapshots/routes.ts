import type { Handlers } from "../calls/call.ts";
import type { HostClient } from "../hosts/client.ts";
import type { Database } from "../persistence/database.ts";
import { deleteSnapshot } from "./delete-snapshot.ts";
import { findSnapshot, listSnapshots, snapshotInfo } from "./store.ts";

export function snapshotHandlers(parts: {
  db: Database;
  host: HostClient;
}): Pick<Handlers, "listSnapshots" | "getSnapshot" | "deleteSnapshot"> {
  const { db } = parts;
  return {
    listSnapshots: async ({ principal, query }) => ({
      status: 200,
      body: { snapshots: (await listSnapshots(db, principal.workspace, query.sandbox_id)).map(snapshotInfo) },
    }),
    getSnapshot: async ({ principal, params }) => ({
      status: 200,
      body: snapshotInfo(await findSnapshot(db, principal.workspace, params.id)),
    }),
    deleteSnapshot: async ({ principal, params }) => {
      await deleteSnapshot(parts, principal.workspace, params.id);
      return { status: 200, body: { deleted: params.id } };
    },
  };
}
