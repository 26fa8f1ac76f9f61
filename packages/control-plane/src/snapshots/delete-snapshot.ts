import { randomUUID } from "node:crypto";
import { Refusal, crashPoint } from "@pandastack/platform";
import type { HostClient } from "../hosts/client.ts";
import type { Database } from "../persistence/database.ts";
import { burySnapshot, unknownSnapshot, unwantSnapshot } from "./store.ts";

/** Gone for callers at once, and from the host by the time this has answered. Repeatable. */
export async function deleteSnapshot(
  parts: { db: Database; host: HostClient },
  workspace: string,
  id: string,
): Promise<void> {
  const was = await unwantSnapshot(parts.db, id, workspace);
  if (was === "unknown") throw unknownSnapshot();
  crashPoint("control.snapshot-delete.unwanted");
  if (was === "unwanted") await removeSnapshot(parts, id);
}

/** The host's part of it. */
export async function removeSnapshot(parts: { db: Database; host: HostClient }, id: string): Promise<void> {
  try {
    await parts.host.execute(randomUUID(), { name: "deleteSnapshot", snapshotId: id });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "snapshot.not_found") throw error;
  }
  crashPoint("control.snapshot-delete.removed");
  await burySnapshot(parts.db, id);
}
