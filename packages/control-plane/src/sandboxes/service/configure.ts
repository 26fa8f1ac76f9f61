import { randomUUID } from "node:crypto";
import { crashPoint } from "@pandastack/platform";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { setLifecycle } from "../store.ts";

/** Changes the idle TTL, or whether it is persistent; the host has to know of the latter for its disk's sake. */
export async function updateLifecycle(
  parts: SandboxParts,
  row: SandboxRow,
  change: { ttl_seconds?: number | null | undefined; persistent?: boolean | undefined },
): Promise<void> {
  const { persistent } = change;
  if (persistent !== undefined && persistent !== row.persistent && row.status !== "creating") {
    await parts.host.execute(randomUUID(), { name: "setPersistent", sandboxId: row.id, persistent });
  }
  crashPoint("control.configure.made");
  const ttlSeconds = change.ttl_seconds === null ? 0 : change.ttl_seconds;
  await setLifecycle(parts.db, row.id, { ttlSeconds, persistent });
}
