import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { lock } from "../tools/file-lock.ts";
import { writeFileWhole } from "../tools/write-file-whole.ts";

export const RUN_ROOT = "/run/pandastack";
/** Beside `servers/`, where host agents say that they run. */
const LEASES = "identities";
const FIRST_UID = 700_000;
const UIDS_PER_SERVER = 16;
/** Above come the users of machines. */
const SERVERS_AT_MOST = 1_000;

/** What makes a server itself on this host: `data/server.json`, leased in `/run/pandastack/identities`. */
export interface ServerIdentity {
  /** 4 hex: in every name of an interface, a namespace, a folder. */
  readonly id: string;
  readonly number: number;
  /** `/run/pandastack/<id>` */
  readonly runDir: string;
  readonly users: { readonly controlPlane: number; readonly postgres: number };
}

interface Remembered {
  readonly id: string;
  readonly number: number;
}
interface Lease extends Remembered {
  readonly dataDir: string;
}

/** The identity this data folder had, if no other server on this host has taken it meanwhile; else a new one. */
export async function leaseIdentity(dataDir: string, runRoot = RUN_ROOT): Promise<ServerIdentity> {
  const leaseDir = join(runRoot, LEASES);
  mkdirSync(leaseDir, { recursive: true, mode: 0o755 });
  const held = await lock(join(runRoot, "identities.lock"));
  try {
    const others = readLeases(leaseDir).filter((lease) => lease.dataDir !== dataDir);
    const isFree = ({ id, number }: Remembered): boolean =>
      others.every((lease) => lease.id !== id && lease.number !== number);
    const before = readRemembered(dataDir);
    const mine = before !== undefined && isFree(before) ? before : choose(others);
    const lease: Lease = { ...mine, dataDir };
    for (const stale of readLeases(leaseDir))
      if (stale.dataDir === dataDir && stale.id !== mine.id) rmSync(join(leaseDir, `${stale.id}.json`));
    writeFileWhole(join(leaseDir, `${mine.id}.json`), JSON.stringify(lease), 0o644);
    writeFileWhole(join(dataDir, "server.json"), `${JSON.stringify(mine)}\n`, 0o600);
    const uid = FIRST_UID + mine.number * UIDS_PER_SERVER;
    return { ...mine, runDir: join(runRoot, mine.id), users: { controlPlane: uid, postgres: uid + 1 } };
  } finally {
    held.release();
  }
}

/** To be called when nothing of the server is left on the host. */
export function releaseIdentity(identity: ServerIdentity, runRoot = RUN_ROOT): void {
  rmSync(join(runRoot, LEASES, `${identity.id}.json`), { force: true });
}

function choose(others: readonly Lease[]): Remembered {
  const ids = new Set(others.map((lease) => lease.id));
  const numbers = new Set(others.map((lease) => lease.number));
  const number = Array.from({ length: SERVERS_AT_MOST }, (_, index) => index).find((index) => !numbers.has(index));
  if (number === undefined) throw new Error(`there are ${SERVERS_AT_MOST} servers on this host already`);
  let id: string;
  do id = randomBytes(2).toString("hex");
  while (ids.has(id));
  return { id, number };
}

/** A lease whose data folder has been removed is no one's. */
function readLeases(leaseDir: string): Lease[] {
  return readdirSync(leaseDir)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => readLease(join(leaseDir, name)))
    .filter((lease) => {
      if (existsSync(lease.dataDir)) return true;
      rmSync(join(leaseDir, `${lease.id}.json`), { force: true });
      return false;
    });
}

/** A server that stops gives its own back at any time, also while it is being looked for. */
function readLease(path: string): Lease[] {
  try {
    return [JSON.parse(readFileSync(path, "utf8")) as Lease];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function readRemembered(dataDir: string): Remembered | undefined {
  const file = join(dataDir, "server.json");
  if (!existsSync(file)) return undefined;
  const { id, number } = JSON.parse(readFileSync(file, "utf8")) as Partial<Remembered>;
  return /^[0-9a-f]{4}$/.test(id ?? "") && Number.isInteger(number)
    ? { id: id as string, number: number as number }
    : undefined;
}
