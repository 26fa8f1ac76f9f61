import { existsSync } from "node:fs";
import { type Logger } from "@pandastack/platform";
import { run } from "../processes/run.ts";
import { ownAccepts, readRuleSet } from "./host/foreign-forward.ts";
import { removeHostRules } from "./host/host.ts";
import { putBackHostSettings, readBefore } from "./host/settings.ts";
import { withHostLock } from "./leases/host-lock.ts";
import { forgetServer, listServers, readServer, serverState } from "./leases/servers.ts";
import { SlotLeases } from "./leases/slots.ts";
import { slotName, tableName } from "./names.ts";
import { processesInSlot, removeSlots, slotsInKernel } from "./slots/kernel.ts";

export interface ServerPlace {
  readonly serverId: string;
  readonly runDir: string;
}

/** Removes all that a server has in the host's network, whatever state it is in; the last one puts the host's settings back. */
export function removeServer(place: ServerPlace): Promise<void> {
  return withHostLock(place.runDir, () => removeServerLocked(place));
}

/**
 * Removes what dead servers left (see `leases/servers.ts`), except where a process still runs in a slot: then it stays
 * whole, for the operator to see. Call under the host's lock.
 */
export async function removeDeadServers(runDir: string, log: Pick<Logger, "warn">): Promise<void> {
  for (const { serverId, dataDir } of listServers(runDir).filter((record) => serverState(record) === "dead")) {
    const busy: number[] = [];
    for (const number of new SlotLeases(runDir, serverId).held()) {
      if ((await processesInSlot(serverId, number)).length > 0) busy.push(number);
    }
    log.warn(
      { serverId, dataDir, busy },
      busy.length > 0 ? "a dead server's slots are still in use" : "removing a dead server's network",
    );
    if (busy.length === 0) await removeServerLocked({ serverId, runDir });
  }
}

/** Whatever a server has left in the network of this host, one line each. Empty after `close("remove")`. */
export async function verifyClean({ serverId, runDir }: ServerPlace): Promise<string[]> {
  const leftovers: string[] = [];
  for (const number of await slotsInKernel(serverId)) leftovers.push(`netns or link ${slotName(serverId, number)}`);
  for (const number of new SlotLeases(runDir, serverId).held()) leftovers.push(`lease ${number}`);
  const { stdout: tables } = await run("nft", ["list", "tables"]);
  if (tables.split("\n").includes(`table inet ${tableName(serverId)}`))
    leftovers.push(`table inet ${tableName(serverId)}`);
  for (const rule of ownAccepts(serverId, await readRuleSet())) leftovers.push(`rule in ${rule.table} ${rule.chain}`);
  if (existsSync(runDir) && readServer(runDir, serverId)) leftovers.push(`record of server ${serverId}`);
  if (listServers(runDir).length === 0 && readBefore(runDir)) leftovers.push("host settings not put back");
  return leftovers;
}

async function removeServerLocked({ serverId, runDir }: ServerPlace): Promise<void> {
  const leases = new SlotLeases(runDir, serverId);
  const leased = leases.held();
  const numbers = [...new Set([...leased, ...(await slotsInKernel(serverId))])];
  await removeSlots(serverId, numbers);
  await removeHostRules(serverId);
  for (const number of leased) leases.release(number);
  leases.close();
  forgetServer(runDir, serverId);
  if (listServers(runDir).length === 0) await putBackHostSettings(runDir);
}
