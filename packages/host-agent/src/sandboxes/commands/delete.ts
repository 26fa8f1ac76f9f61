import { rmSync } from "node:fs";
import { crashPoint } from "@pandastack/platform";
import { sandboxDir, snapshotDir } from "../../files/layout.ts";
import type { Answering } from "../commit.ts";
import { requireEntry, requireSnapshot, type HostContext } from "../context.ts";

/** Journal first: what it does not name any more belongs to no one, and the next start removes it if this process dies here. */
export async function deleteSandbox(
  context: HostContext,
  sandboxId: string,
  answering: Answering,
): Promise<Record<string, never>> {
  const entry = requireEntry(context, sandboxId);
  const lifetimeSeconds = Math.round((Date.now() - Date.parse(entry.record.createdAt)) / 1000);
  const result = answering(
    [
      {
        removeSandbox: sandboxId,
        event: { sandboxId, type: "sandbox.deleted", payload: { lifetime_seconds: lifetimeSeconds } },
      },
    ],
    {},
  );
  crashPoint("host.delete.committed");
  context.entries.delete(sandboxId);
  const machine = entry.leaveMachine();
  const { promise: stopped, resolve: markStopped } = Promise.withResolvers<void>();
  context.volumes.leave(entry.record.volumes, stopped);
  context.later("remove a deleted sandbox", async () => {
    if (machine) {
      await machine.stop().finally(markStopped);
      crashPoint("host.delete.stopped");
      await context.slots.release(machine.record.slot);
      crashPoint("host.delete.released");
    }
    markStopped();
    rmSync(sandboxDir(context.layout, sandboxId), { recursive: true, force: true });
  });
  return result;
}

/** Machines that were restored from it hold links to its files and go on. */
export async function deleteSnapshot(
  context: HostContext,
  snapshotId: string,
  answering: Answering,
): Promise<Record<string, never>> {
  requireSnapshot(context, snapshotId);
  const result = answering([{ removeSnapshot: snapshotId }], {});
  crashPoint("host.snapshot-delete.committed");
  context.snapshots.delete(snapshotId);
  rmSync(snapshotDir(context.layout, snapshotId), { recursive: true, force: true });
  return result;
}
