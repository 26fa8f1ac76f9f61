import { step, type LifecycleVerb } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { findSandbox } from "../store.ts";
import { changeState, refuseByState } from "./change-state.ts";
import { syncSandbox } from "./sync.ts";

/** The sandbox, awake if `verb` needs that. Refuses where the lifecycle table does. */
export async function readyFor(
  parts: SandboxParts,
  row: SandboxRow,
  verb: LifecycleVerb,
  signal: AbortSignal,
): Promise<SandboxRow> {
  const next = step(row.status, verb);
  if (next.kind === "refuse") throw refuseByState(row, next.why);
  return next.kind === "wake-first" ? changeState(parts, row, "wake", signal) : row;
}

/**
 * Does something in a sandbox that has to be in a state for it. A row may be behind its host by a moment (the host has
 * hibernated everything because it was stopped, a machine has died): if the host refuses for the sandbox's state, the row is
 * corrected, and it is done once more if that changed anything.
 */
export async function enter<T>(
  parts: SandboxParts,
  row: SandboxRow,
  { verb, signal }: { verb: LifecycleVerb; signal: AbortSignal },
  act: (row: SandboxRow) => Promise<T>,
): Promise<T> {
  const ready = await readyFor(parts, row, verb, signal);
  try {
    return await act(ready);
  } catch (error) {
    if (!(error instanceof Refusal) || (error.code !== "sandbox.invalid_state" && error.code !== "sandbox.not_found"))
      throw error;
    await syncSandbox(parts, row.id);
    const synced = await findSandbox(parts.db, row.workspace, row.id);
    // Somebody else may have corrected it and woken it already: then it has changed, and looks the same.
    if (synced.status === ready.status && synced.generation === ready.generation) throw error;
    return act(await readyFor(parts, synced, verb, signal));
  }
}
