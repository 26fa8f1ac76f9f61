import { randomUUID } from "node:crypto";
import { Refusal, crashPoint } from "@pandastack/platform";
import type { SandboxParts } from "../parts.ts";
import { bury, unknownSandbox, unwant } from "../store.ts";

type Parts = Pick<SandboxParts, "db" | "host">;

/** Gone for callers at once, and from the host by the time this has answered. Repeatable, also after it is gone. */
export async function deleteSandbox(parts: Parts, workspace: string, id: string): Promise<void> {
  const was = await unwant(parts.db, id, workspace);
  if (was === "unknown") throw unknownSandbox();
  crashPoint("control.delete.unwanted");
  if (was === "unwanted") await removeFromHost(parts, id);
}

/** The host's part, for a sandbox that nobody wants any more. */
export async function removeFromHost(parts: Parts, id: string): Promise<void> {
  try {
    await parts.host.execute(randomUUID(), { name: "deleteSandbox", sandboxId: id });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "sandbox.not_found") throw error;
  }
  crashPoint("control.delete.removed");
  await bury(parts.db, id);
}
