import { randomUUID } from "node:crypto";
import type { UpdateLifecycleRequest } from "@pandastack/contracts";
import { crashPoint } from "@pandastack/platform";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { chooseLifecycle, type ChosenLifecycle } from "../rules.ts";
import { setLifecycle } from "../store.ts";

/** Changes what becomes of it when it is idle, or whether it is persistent; the host has to know of the latter for its disk's sake. */
export async function updateLifecycle(
  parts: SandboxParts,
  row: SandboxRow,
  change: UpdateLifecycleRequest,
): Promise<void> {
  const { persistent } = change;
  const asked = change.ttl_seconds === null ? { ...change, ttl_seconds: 0 } : change;
  const chosen = chooseLifecycle(asked, row, parts.settings.defaultTtlSeconds);
  if (persistent !== undefined && persistent !== row.persistent && row.status !== "creating") {
    await parts.host.execute(randomUUID(), { name: "setPersistent", sandboxId: row.id, persistent });
  }
  crashPoint("control.configure.made");
  await setLifecycle(parts.db, row.id, changed(row, chosen));
}

/** Only what differs: two changes at once, of different things, are both kept. */
function changed(row: SandboxRow, chosen: ChosenLifecycle): Partial<ChosenLifecycle> {
  const before: Readonly<Record<string, unknown>> = { ...row };
  return Object.fromEntries(Object.entries(chosen).filter(([name, value]) => before[name] !== value));
}
