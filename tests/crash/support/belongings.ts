import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "@pandastack/platform";
import { allProcesses } from "../../e2e/support/process-tree.ts";
import { readJournal, readRows, type JournalMachine } from "./records.ts";
import { isAlive, parts, type CrashServer } from "./server.ts";

/** Undone work waits up to 5 s for a reconciler, and after the database was away up to 10 s more. */
const SETTLE_TIMEOUT_MS = 40_000;

/** Waits until rows, journal, pool and kernel agree; throws with what does not belong to anyone. */
export async function untilNothingIsNoOnes(server: CrashServer, keysGivenUp = 0): Promise<void> {
  let complaints: string[] = ["never looked"];
  await waitFor(
    async () => {
      complaints = await strays(server, keysGivenUp);
      return complaints.length === 0;
    },
    { timeoutMs: SETTLE_TIMEOUT_MS, intervalMs: 100, message: "something belongs to no one" },
  ).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}:\n${complaints.join("\n")}`, {
      cause: error,
    });
  });
}

/** Whatever one side has and another does not know, one line each. */
async function strays(server: CrashServer, keysGivenUp: number): Promise<string[]> {
  const rows = await readRows(server).catch((error: unknown) => String(error));
  if (typeof rows === "string") return [`the database cannot be read: ${rows}`];
  const journal = readJournal(server);
  const machines = journal.sandboxes.map((sandbox) => sandbox.machine).filter((machine) => machine !== null);
  return [
    ...rows.sandboxes
      .filter((row) => row.wanted === "deleted" || row.status === "creating")
      .map((row) => `row of sandbox ${row.id}: wanted ${row.wanted}, ${row.status}`),
    ...rows.snapshots
      .filter((row) => row.wanted === "deleted" || row.status === "creating")
      .map((row) => `row of snapshot ${row.id}: wanted ${row.wanted}, ${row.status}`),
    ...rows.volumes
      .filter((row) => row.wanted === "deleted" || row.status === "creating")
      .map((row) => `row of volume ${row.id}: wanted ${row.wanted}, ${row.status}`),
    ...(rows.openKeys <= keysGivenUp ? [] : [`${rows.openKeys} idempotency keys without an answer`]),
    ...difference("sandbox", { rows: ids(rows.sandboxes), journal: ids(journal.sandboxes) }),
    ...difference("snapshot", { rows: ids(rows.snapshots), journal: ids(journal.snapshots) }),
    ...difference("volume and its size", {
      rows: rows.volumes.map((row) => `${row.id} ${row.size_bytes}`),
      journal: journal.volumes.map((volume) => `${volume.id} ${volume.sizeBytes}`),
    }),
    ...difference("state of sandbox", {
      rows: rows.sandboxes.map((row) => `${row.id} ${row.status}`),
      journal: journal.sandboxes.map((sandbox) => `${sandbox.id} ${sandbox.state}`),
    }),
    ...inThePool(server, journal),
    ...inTheKernel(server, machines),
  ];
}

function inThePool(server: CrashServer, journal: ReturnType<typeof readJournal>): string[] {
  const list = (folder: string): string[] => namesIn(join(server.poolDir, folder));
  const machines = list("machines");
  const known = journal.sandboxes.map((sandbox) => sandbox.machine?.machineId).filter((id) => id !== undefined);
  return [
    ...difference("folder of sandbox", { pool: list("sandboxes"), journal: ids(journal.sandboxes) }),
    ...difference("folder of snapshot", { pool: list("snapshots"), journal: ids(journal.snapshots) }),
    ...difference("file of volume", { pool: list("volumes"), journal: ids(journal.volumes).map((id) => `${id}.ext4`) }),
    ...list("scratch").map((name) => `scratch/${name}`),
    ...known.filter((id) => !machines.includes(id)).map((id) => `machine ${id} has no folder`),
    ...spareTooMany(
      "machines",
      machines.filter((id) => !known.includes(id)),
      server.spare.machines,
    ),
    ...difference("folder of machine", { pool: machines, "run folder": namesIn(join(server.runDir, "m")) }),
    ...machines
      .filter((id) => !isAlive(vmmPid(server, id) ?? 0))
      .map((id) => `machine ${id} has a folder and no process`),
    ...journal.sandboxes.flatMap(({ id, state, reason, volumes = [] }) => {
      // One that sleeps and says why has lost its memory.
      const memory = state === "hibernated" && reason === null ? ["memory-image"] : [];
      const copies = volumes.filter((volume) => volume.readOnly).map((volume) => `volume${volume.drive}`);
      const expected = ["disk", ...memory, ...copies];
      return difference(`file of the ${state} sandbox ${id}`, { pool: list(`sandboxes/${id}`), expected });
    }),
  ];
}

function inTheKernel(server: CrashServer, known: readonly JournalMachine[]): string[] {
  const prefix = `ps${server.id}-`;
  const namespaces = namesIn("/run/netns").filter((name) => name.startsWith(prefix));
  const links = lines("ip", ["-o", "link"])
    .map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? "")
    .filter((name) => name.startsWith(prefix));
  const leases = namesIn("/run/pandastack/slots").filter(
    (name) => /^\d+$/.test(name) && read(`/run/pandastack/slots/${name}`) === server.id,
  );
  const leased = leases.map((number) => `${prefix}${Number(number).toString(36)}`);
  const inUse = known.map((machine) => machine.slot.netns);
  const mounts = lines("cat", ["/proc/self/mounts"]).filter((line) => line.includes(server.dataDir));
  const loops = lines("losetup", ["-l", "-n", "-O", "NAME,BACK-FILE"]).filter((line) => line.includes(server.dataDir));
  const tables = lines("nft", ["list", "tables"]).filter((line) => line.includes(`pandastack_${server.id}`));
  return [
    ...difference("slot", { namespaces, links }),
    ...difference("slot", { namespaces, leases: leased }),
    ...inUse.filter((name) => !namespaces.includes(name)).map((name) => `slot ${name} is in use and not there`),
    ...spareTooMany(
      "slots",
      namespaces.filter((name) => !inUse.includes(name)),
      server.spare.slots,
    ),
    ...processesOfMachines(server, leases),
    ...(mounts.length <= 1 ? [] : mounts.map((line) => `mount ${line}`)),
    ...(loops.length <= 1 ? [] : loops.map((line) => `loop device ${line}`)),
    ...(tables.length === 1 ? [] : [`nft tables: ${tables.join(", ") || "none"}`]),
    ...cgroupsOfMachines(server),
    ...ownProcesses(server),
  ];
}

/** Every process that runs as a user of our slots is the VMM of a machine that has a folder. */
function processesOfMachines(server: CrashServer, leases: readonly string[]): string[] {
  const uids = new Set(leases.map((number) => FIRST_SLOT_UID + Number(number)));
  const vmms = new Set(namesIn(join(server.poolDir, "machines")).map((id) => vmmPid(server, id)));
  return allProcesses()
    .filter(({ pid }) => uids.has(uidOf(pid) ?? -1) && !vmms.has(pid))
    .map(({ pid, command }) => `process ${pid} ${command.slice(0, 120)}`);
}

/** See `packages/host-agent/src/network/addresses.ts`. */
const FIRST_SLOT_UID = 720_000;

/** One of each part, and no helper of a former life. */
function ownProcesses(server: CrashServer): string[] {
  const pids = new Set(parts.map((part) => server.pidOf(part)));
  return allProcesses()
    .filter(({ pid, command }) => /\/(host-agent|control-plane)\/src\/main\.ts/.test(command) && !pids.has(pid))
    .filter(({ pid }) => read(`/proc/${pid}/environ`).includes(`PANDASTACK_SERVER_ID=${server.id}\0`))
    .map(({ pid, command }) => `process ${pid} ${command.slice(0, 120)}`);
}

/** Control groups of machines, under whatever hierarchy, name the machine: none may outlive it. */
function cgroupsOfMachines(server: CrashServer): string[] {
  const machines = namesIn(join(server.poolDir, "machines"));
  return lines("find", ["/sys/fs/cgroup", "-type", "d", "-path", `*pandastack*${server.id}*`])
    .map((path) => path.split("/").at(-1) ?? "")
    .filter((name) => /^[0-9a-f]{12}$/.test(name) && !machines.includes(name))
    .map((name) => `control group of machine ${name}`);
}

function vmmPid(server: CrashServer, machineId: string): number | undefined {
  const text = read(join(server.poolDir, "machines", machineId, "pid.json"));
  const pid = /"child-pid"\s*:\s*(\d+)/.exec(text)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

function uidOf(pid: number): number | undefined {
  const uid = /^Uid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1];
  return uid === undefined ? undefined : Number(uid);
}

function difference(what: string, sides: Record<string, readonly string[]>): string[] {
  const [[one, ones], [other, others]] = Object.entries(sides) as [[string, string[]], [string, string[]]];
  return [
    ...ones.filter((name) => !others.includes(name)).map((name) => `${what} ${name}: ${one} only, not ${other}`),
    ...others.filter((name) => !ones.includes(name)).map((name) => `${what} ${name}: ${other} only, not ${one}`),
  ];
}

const spareTooMany = (what: string, found: readonly string[], atMost: number): string[] =>
  found.length <= atMost ? [] : [`${found.length} ${what} that no sandbox has, ${atMost} may wait: ${found.join(" ")}`];

const ids = (records: readonly { id: string }[]): string[] => records.map((record) => record.id);

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function lines(command: string, argv: readonly string[]): string[] {
  try {
    return execFileSync(command, argv, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    // `find` where something ended while it was being read: the next look sees.
    return [];
  }
}
