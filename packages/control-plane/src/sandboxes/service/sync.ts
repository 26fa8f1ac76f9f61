import { isDeepStrictEqual } from "node:util";
import { Refusal } from "@pandastack/platform";
import type { HostSandbox } from "@pandastack/contracts/host";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { observe, observeVanished, readSandbox } from "../store.ts";

/** Whether a row says of a sandbox what its host says. */
export function isAsObserved(row: SandboxRow, host: HostSandbox): boolean {
  return (
    row.status === host.state &&
    row.reason === host.reason &&
    row.boot_mode === host.bootMode &&
    row.guest_ip === host.guestIp &&
    row.persistent === host.persistent &&
    isDeepStrictEqual(row.network, host.network)
  );
}

/**
 * Asks the host how a sandbox is and writes it down. The row's generation is read first: if anything changes it while the
 * host is asked, what the host said is out of date and is dropped.
 */
export async function syncSandbox(parts: Pick<SandboxParts, "db" | "host">, id: string): Promise<void> {
  const row = await readSandbox(parts.db, id);
  if (row === undefined || row.wanted === "deleted" || row.status === "creating") return;
  let host: HostSandbox;
  try {
    host = await parts.host.sandbox(id);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "sandbox.not_found") throw error;
    if (row.status !== "failed") await observeVanished(parts.db, row);
    return;
  }
  if (!isAsObserved(row, host)) await observe(parts.db, host, row.generation);
}
