import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Fault, writeFileAtomic } from "@pandastack/platform";
import { hostBootId } from "../../files/host-boot.ts";
import { isAlive, processStat } from "../../processes/proc.ts";

/**
 * Which servers this host has: `<runDir>/servers/<id>`. A record is written before a server's first lease and removed after
 * its last. It outlives a killed agent: the agent's machines live on, and its next start adopts them.
 */
export interface ServerRecord {
  readonly serverId: string;
  readonly pid: number;
  readonly pidStartTime: string;
  readonly bootId: string;
  /** Where the server's journal is. Without it nobody can ever adopt its machines. */
  readonly dataDir: string | null;
}

/**
 * What may be done to another server's things:
 * - `alive`: its agent runs. Hands off.
 * - `waiting`: its agent is gone, its data folder is there (or was never told): the next start adopts. Hands off.
 * - `dead`: its agent is gone and so is its data folder, or the host has booted since. Slots with no process inside may go.
 */
export type ServerState = "alive" | "waiting" | "dead";

export function serverState(record: ServerRecord): ServerState {
  if (record.bootId !== hostBootId()) return "dead";
  if (isAlive(record.pid, record.pidStartTime)) return "alive";
  return record.dataDir === null || existsSync(record.dataDir) ? "waiting" : "dead";
}

/** Takes the id for this process; refuses while another living one has it. Call under the host's lock. */
export function claimServer(runDir: string, serverId: string, dataDir: string | null): void {
  mkdirSync(serversDir(runDir), { recursive: true, mode: 0o755 });
  const owner = readServer(runDir, serverId);
  if (owner && owner.pid !== process.pid && serverState(owner) === "alive") {
    throw new Fault("host.unavailable", `server ${serverId} is already running as process ${owner.pid}`);
  }
  const record: ServerRecord = {
    serverId,
    pid: process.pid,
    pidStartTime: processStat(process.pid)?.startTime ?? "",
    bootId: hostBootId(),
    dataDir,
  };
  writeFileAtomic(join(serversDir(runDir), serverId), JSON.stringify(record));
}

export function forgetServer(runDir: string, serverId: string): void {
  rmSync(join(serversDir(runDir), serverId), { force: true });
}

export function listServers(runDir: string): ServerRecord[] {
  if (!existsSync(serversDir(runDir))) return [];
  return readdirSync(serversDir(runDir))
    .map((id) => readServer(runDir, id))
    .filter((record) => record !== undefined);
}

/** Undefined too for a file that is not a record: half-written temporaries, strangers. */
export function readServer(runDir: string, serverId: string): ServerRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(join(serversDir(runDir), serverId), "utf8")) as ServerRecord;
    return record.serverId === serverId ? record : undefined;
  } catch {
    return undefined;
  }
}

const serversDir = (runDir: string): string => join(runDir, "servers");
