import { errorRegistry } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { SandboxRow } from "../../persistence/tables.ts";
import { unwantUnfinished } from "../../persistence/unfinished.ts";
import { noRoom } from "../../accounts/limits.ts";
import { isAnother } from "../../hosts/failures.ts";
import type { SandboxParts } from "../parts.ts";
import { forget, insertSandboxes, lackingRoom, readSandbox, takeOver, type NewSandbox } from "../store.ts";
import { removeFromHost } from "./remove.ts";

/** Lives of one idempotency key: each time what it made was deleted, the same request makes it anew under other ids. */
const ROUNDS_LIMIT = 16;

export interface Begun {
  /** Rows of the sandboxes to be made, in the order asked for. */
  readonly rows: SandboxRow[];
  /** True when an earlier call under the same key has finished the work already. */
  readonly isDone: boolean;
}

/**
 * Writes down what is about to be made, before any host hears of it. `plan(round)` says what; the same call repeated (its
 * first control plane died, or the answer was lost) finds the rows of the first time and goes on from there.
 */
export async function begin(
  parts: SandboxParts,
  workspace: string,
  plan: (round: number) => NewSandbox[],
): Promise<Begun> {
  for (let round = 0; round < ROUNDS_LIMIT; round++) {
    const planned = plan(round);
    const ids = planned.map((sandbox) => sandbox.id);
    // The rows may be there, or ours, all the same: a lost answer is not a lost statement.
    const abandon = (error: unknown): never => {
      parts.abandoned.add(ids);
      throw error;
    };
    await parts.abandoned.reclaim(ids);
    const inserted = await insertSandboxes(parts.db, workspace, planned, parts.settings.limits).catch(abandon);
    if (inserted.length === planned.length) return { rows: inOrder(planned, inserted), isDone: false };
    const existing = await existingRows(parts, planned).catch(abandon);
    if (existing.length === 0) {
      const lacking = await lackingRoom(
        parts.db,
        workspace,
        { more: planned.length, running: planned.length },
        parts.settings.limits,
      );
      throw await noRoom(parts.db, workspace, parts.settings.limits, lacking ?? "sandboxes");
    }
    if (existing.some((row) => row.wanted === "deleted")) {
      // Some of a fork's children: the others, where nobody has finished them, go with them.
      parts.abandoned.add(ids);
      continue;
    }
    const taken = await takeOver(parts.db, ids, parts.presence.id).catch(abandon);
    // Somebody has deleted them at this very moment.
    if (taken.length < existing.length) {
      parts.abandoned.add(ids);
      continue;
    }
    return { rows: inOrder(planned, taken), isDone: taken.every((row) => row.status !== "creating") };
  }
  throw new Refusal(
    "idempotency.conflict",
    "Idempotency-Key: what this key made was deleted too often; use another key",
  );
}

async function existingRows(parts: SandboxParts, planned: readonly NewSandbox[]): Promise<SandboxRow[]> {
  const rows = await Promise.all(planned.map((sandbox) => readSandbox(parts.db, sandbox.id)));
  return rows.filter((row) => row !== undefined);
}

function inOrder(planned: readonly NewSandbox[], rows: readonly SandboxRow[]): SandboxRow[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return planned.map((sandbox) => byId.get(sandbox.id)).filter((row) => row !== undefined);
}

/**
 * After the host has failed to make them. What it refused to begin with left nothing: the rows go. Anything else leaves it
 * open: the rows stay, unwanted, until the host has said that it has nothing of them, now or to a reconciler.
 */
export async function undo(parts: SandboxParts, rows: readonly SandboxRow[], error: unknown): Promise<void> {
  const ids = rows.map((row) => row.id);
  try {
    await undoRows(parts, ids, error);
  } catch (undoError) {
    parts.abandoned.add(ids);
    parts.log.warn({ err: undoError, sandboxes: ids }, "undoing a create or fork is left to the reconciler");
  }
}

async function undoRows(parts: SandboxParts, ids: readonly string[], error: unknown): Promise<void> {
  if (error instanceof Refusal && errorRegistry[error.code].status < 500 && !isAnother(error)) {
    await forget(parts.db, ids);
    return;
  }
  // Not what another control plane has taken over meanwhile, and perhaps answered.
  const unwanted = await unwantUnfinished(parts.db, "sandboxes", ids, parts.presence.id);
  if (error instanceof Refusal) for (const id of unwanted) await removeFromHost(parts, id).catch(() => {});
}
