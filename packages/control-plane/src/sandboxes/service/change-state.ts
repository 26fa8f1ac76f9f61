import { randomUUID } from "node:crypto";
import { step } from "@pandastack/contracts";
import { Refusal, crashPoint } from "@pandastack/platform";
import { noRoom } from "../../accounts/limits.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { findSandbox, observe, readSandbox, unknownSandbox, want, wantAwake } from "../store.ts";
import { syncSandbox } from "./sync.ts";

export type StateChange = "pause" | "resume" | "hibernate" | "wake";

/** Refuses in the lifecycle table's words. */
export function refuseByState(row: SandboxRow, why: string): Refusal {
  return new Refusal("sandbox.invalid_state", `the sandbox ${why}`, { details: { status: row.status } });
}

/**
 * Brings a sandbox into another state, or finds it there. Changes of one sandbox wait for each other, so each sees what the
 * one before has left: two wakes at the same time are one.
 */
export function changeState(
  parts: SandboxParts,
  row: SandboxRow,
  change: StateChange,
  signal: AbortSignal,
): Promise<SandboxRow> {
  return parts.queue.run(row.id, async () => {
    const current = await findSandbox(parts.db, row.workspace, row.id);
    try {
      return await apply(parts, current, change, signal);
    } catch (error) {
      if (!(error instanceof Refusal) || (error.code !== "sandbox.invalid_state" && error.code !== "sandbox.not_found"))
        throw error;
      // The host is in another state than the row says. Once more from what is.
      await syncSandbox(parts, row.id);
      const synced = await findSandbox(parts.db, row.workspace, row.id);
      if (synced.status === current.status) throw error;
      return apply(parts, synced, change, signal);
    }
  });
}

async function apply(
  parts: SandboxParts,
  row: SandboxRow,
  change: StateChange,
  signal: AbortSignal,
): Promise<SandboxRow> {
  const next = step(row.status, change);
  switch (next.kind) {
    case "refuse":
      throw refuseByState(row, next.why);
    case "nothing":
      return row;
    case "wake-first":
      return apply(parts, await command(parts, row, "wake", signal), change, signal);
    case "run":
      return command(parts, row, change, signal);
  }
}

/** A wake loads the host as a create does, and waits for its turn like one. */
function command(parts: SandboxParts, row: SandboxRow, change: StateChange, signal: AbortSignal): Promise<SandboxRow> {
  const order = commandFor(row, change);
  if (order.name !== "wakeSandbox") return send(parts, row, order);
  return parts.work.run({ workspace: row.workspace, weight: 1, signal }, () => send(parts, row, order));
}

async function send(
  parts: SandboxParts,
  row: SandboxRow,
  { name, wanted }: ReturnType<typeof commandFor>,
): Promise<SandboxRow> {
  const { generation } = name === "wakeSandbox" ? await awaken(parts, row) : await want(parts.db, row, wanted);
  crashPoint("control.change.wanted");
  const host = await parts.host.execute(randomUUID(), { name, sandboxId: row.id });
  crashPoint("control.change.made");
  if (name === "hibernateSandbox") parts.counters.hibernated();
  if (name === "wakeSandbox") parts.counters.woken();
  const observed = (await observe(parts.db, host, generation)) ?? (await readSandbox(parts.db, row.id));
  crashPoint("control.change.observed");
  if (observed === undefined || observed.wanted === "deleted") throw unknownSandbox();
  return observed;
}

async function awaken(parts: SandboxParts, row: SandboxRow): Promise<SandboxRow> {
  const { limits } = parts.settings;
  const wanted = await wantAwake(parts.db, row, limits);
  if (wanted !== undefined) return wanted;
  await findSandbox(parts.db, row.workspace, row.id);
  throw await noRoom(parts.db, row.workspace, limits, "running_sandboxes");
}

function commandFor(row: SandboxRow, change: StateChange) {
  switch (change) {
    case "pause":
      return { name: "pauseSandbox", wanted: "paused" } as const;
    case "hibernate":
      return { name: "hibernateSandbox", wanted: "hibernated" } as const;
    case "resume":
    case "wake":
      return { name: row.status === "paused" ? "resumeSandbox" : "wakeSandbox", wanted: "running" } as const;
  }
}
