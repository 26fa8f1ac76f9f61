import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Where a server's machines are on this host. */
export interface MachinePlaces {
  readonly poolDir: string;
  readonly runDir: string;
}

/** A machine that has a folder somewhere, whether a sandbox has it, or it waits for one, or it should not be there. */
export interface MachineSeen {
  readonly id: string;
  readonly runtime: "qemu" | "gvisor";
  /** Of the process that is the machine: VMM or sentry. */
  readonly pid: number | undefined;
}

/** Of a gVisor machine; see `packages/host-agent/src/runtimes/gvisor/machine-files.ts`. */
const CONTAINER_FILE = "config.json";

export function machinesOf(places: MachinePlaces): MachineSeen[] {
  const found = new Set([...namesIn(join(places.poolDir, "machines")), ...namesIn(join(places.runDir, "m"))]);
  return [...found].map((id) => {
    const folder = join(places.runDir, "m", id);
    return existsSync(join(folder, CONTAINER_FILE))
      ? { id, runtime: "gvisor", pid: Number(read(join(folder, "pid"))) || undefined }
      : { id, runtime: "qemu", pid: vmmPid(places, id) };
  });
}

/** The places of the server that has this data folder. */
export function placesOf(dataDir: string): MachinePlaces {
  const { id } = JSON.parse(readFileSync(join(dataDir, "server.json"), "utf8")) as { id: string };
  return { poolDir: join(dataDir, "pool"), runDir: join("/run/pandastack", id) };
}

/** Of a sandbox that runs: what the host agent's journal has. */
export function machineOf(dataDir: string, sandboxId: string): { machineId: string; pid: number } {
  const db = new DatabaseSync(join(dataDir, "journal/host.sqlite"), { readOnly: true });
  try {
    const row = db.prepare("SELECT record FROM sandboxes WHERE id = ?").get(sandboxId);
    const { machine } = JSON.parse(String(row?.["record"])) as { machine: { machineId: string; pid: number } | null };
    if (machine === null) throw new Error(`the sandbox ${sandboxId} has no machine`);
    return machine;
  } finally {
    db.close();
  }
}

function vmmPid({ poolDir }: MachinePlaces, machineId: string): number | undefined {
  const pid = /"child-pid"\s*:\s*(\d+)/.exec(read(join(poolDir, "machines", machineId, "pid.json")))?.[1];
  return pid === undefined ? undefined : Number(pid);
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not there yet, or gone.
    return "";
  }
}
