import type { SandboxParts } from "../sandboxes/parts.ts";
import { isRootUsed } from "../templates/store.ts";

/** Unless another template stands on it. */
export async function forgetRoot(parts: Pick<SandboxParts, "db" | "host">, rootKey: string): Promise<void> {
  if (!(await isRootUsed(parts.db, rootKey))) await parts.host.releaseRoot(rootKey);
}
