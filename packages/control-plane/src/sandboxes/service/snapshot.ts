import { Refusal, crashPoint } from "@pandastack/platform";
import { deriveUuid } from "../../calls/ids.ts";
import { noRoom } from "../../accounts/limits.ts";
import { isAnother } from "../../hosts/failures.ts";
import type { SandboxRow, SnapshotRow } from "../../persistence/tables.ts";
import { unwantUnfinished } from "../../persistence/unfinished.ts";
import { removeSnapshot } from "../../snapshots/delete-snapshot.ts";
import { beginSnapshot, burySnapshot, finishSnapshot } from "../../snapshots/store.ts";
import type { SandboxParts } from "../parts.ts";

/** Lives of one idempotency key, as of a create's. */
const ROUNDS_LIMIT = 16;

/** Memory, devices and disk at one instant, as a snapshot of its own. */
export async function createSnapshot(
  parts: SandboxParts,
  sandbox: SandboxRow,
  seed: string,
  layerKey: string | null = null,
): Promise<SnapshotRow> {
  for (let round = 0; round < ROUNDS_LIMIT; round++) {
    const row = await begin(parts, sandbox, { seed, round, layerKey });
    // What the same request made before was deleted, by somebody or as unfinished: it is made anew.
    if (row.wanted === "deleted") continue;
    return row.status === "ready" ? row : take(parts, sandbox, row);
  }
  throw new Refusal(
    "idempotency.conflict",
    "Idempotency-Key: what this key made was deleted too often; use another key",
  );
}

async function begin(
  parts: SandboxParts,
  sandbox: SandboxRow,
  { seed, round, layerKey }: { seed: string; round: number; layerKey: string | null },
): Promise<SnapshotRow> {
  const id = deriveUuid(seed, `snapshot ${round}`);
  const { limits } = parts.settings;
  await parts.abandoned.reclaim([id]);
  const row = await beginSnapshot(
    parts.db,
    {
      id,
      workspace: sandbox.workspace,
      sandboxId: sandbox.id,
      operationId: deriveUuid(seed, `snapshot operation ${round}`),
      owner: parts.presence.id,
      template: sandbox.template,
      parentSnapshotId: sandbox.from_snapshot,
      parentSandboxId: sandbox.metadata["forked_from"] ?? null,
      runtime: sandbox.runtime,
      cpu: sandbox.cpu,
      memoryMb: sandbox.memory_mb,
      layerKey,
    },
    limits,
  ).catch((error: unknown) => {
    // The row may be there all the same: a lost answer is not a lost statement.
    parts.abandoned.add([id]);
    throw error;
  });
  if (row === undefined) throw await noRoom(parts.db, sandbox.workspace, limits, "snapshots");
  return row;
}

async function take(parts: SandboxParts, sandbox: SandboxRow, row: SnapshotRow): Promise<SnapshotRow> {
  crashPoint("control.snapshot.written");
  try {
    const host = await parts.host.execute(row.operation_id, {
      name: "createSnapshot",
      sandboxId: sandbox.id,
      snapshotId: row.id,
    });
    crashPoint("control.snapshot.made");
    const made = await finishSnapshot(parts.db, row.id, host);
    crashPoint("control.snapshot.finished");
    if (made !== undefined) return made;
  } catch (error) {
    const unwanted = await unwantUnfinished(parts.db, "snapshots", [row.id], parts.presence.id).catch(() => {
      parts.abandoned.add([row.id]);
      return [row.id];
    });
    // A refusal says that there is nothing on the host; otherwise the reconciler sees to it.
    const isNothing = unwanted.length > 0 && error instanceof Refusal && !isAnother(error);
    if (isNothing) await burySnapshot(parts.db, row.id).catch(() => {});
    throw error;
  }
  await removeSnapshot(parts, row.id);
  throw new Refusal("sandbox.conflict", "the snapshot was deleted while it was being taken");
}
