import { parts, type CrashServer } from "../server.ts";
import { allProcesses } from "../../../e2e/support/process-tree.ts";
import type { JournalMachine } from "../records.ts";
import { difference, ids, lines, namesIn, read, spareTooMany } from "./look.ts";
import type { MachineSeen } from "../../../e2e/support/machines.ts";

/** See `packages/host-agent/src/network/names.ts`: a slot's second namespace, which goes with it. */
const GUEST_NETNS = /\.g$/;
/** See `packages/host-agent/src/network/addresses.ts`. */
const FIRST_SLOT_UID = 720_000;

/** Whatever the kernel has of this server and no machine of it has. */
export function inTheKernel(
  server: CrashServer,
  known: readonly JournalMachine[],
  machines: readonly MachineSeen[],
): string[] {
  const prefix = `ps${server.id}-`;
  const ours = namesIn("/run/netns").filter((name) => name.startsWith(prefix));
  const namespaces = ours.filter((name) => !GUEST_NETNS.test(name));
  const links = lines("ip", ["-o", "link"])
    .map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? "")
    .filter((name) => name.startsWith(prefix));
  const leases = namesIn("/run/pandastack/slots").filter(
    (name) => /^\d+$/.test(name) && read(`/run/pandastack/slots/${name}`) === server.id,
  );
  const leased = leases.map((number) => `${prefix}${Number(number).toString(36)}`);
  const inUse = known.map((machine) => machine.slot.netns);
  const mounts = lines("cat", ["/proc/self/mounts"]).filter((line) => line.includes(server.dataDir));
  const ofMachines = lines("cat", ["/proc/self/mounts"]).filter((line) => line.includes(`${server.runDir}/m/`));
  const disks = machines.map(({ id }) => `${server.poolDir}/machines/${id}/`);
  const isOfMachine = (loop: string): boolean =>
    disks.some((folder) => loop.includes(` ${folder}`) && /\/(disk|volume\d+)$/.test(loop));
  const loops = lines("losetup", ["-l", "-n", "-O", "NAME,BACK-FILE"])
    .filter((line) => line.includes(server.dataDir))
    // A gVisor machine's disk and volumes are mounted where its own processes alone see them.
    .filter((line) => !isOfMachine(line));
  const tables = lines("nft", ["list", "tables"]).filter((line) => line.includes(`pandastack_${server.id}`));
  return [
    ...difference("slot", { namespaces, links }),
    ...difference("slot", { namespaces, leases: leased }),
    ...ours.filter((name) => !namespaces.includes(name.replace(GUEST_NETNS, ""))).map((name) => `netns ${name}`),
    ...inUse.filter((name) => !namespaces.includes(name)).map((name) => `slot ${name} is in use and not there`),
    ...spareTooMany(
      "slots",
      namespaces.filter((name) => !inUse.includes(name)),
      server.spare.slots,
    ),
    ...processesOfMachines(server, leases, machines),
    ...(mounts.length <= 1 ? [] : mounts.map((line) => `mount ${line}`)),
    ...ofMachines.map((line) => `mount ${line}`),
    ...(loops.length <= 1 ? [] : loops.map((line) => `loop device ${line}`)),
    ...(tables.length === 1 ? [] : [`nft tables: ${tables.join(", ") || "none"}`]),
    ...cgroupsOfMachines(server, machines),
    ...ownProcesses(server),
  ];
}

/**
 * Every process that runs as a user of our slots is the VMM of a machine that has a folder, or in the control group of a gVisor
 * machine that has one. And nobody commands a machine when all is quiet.
 */
function processesOfMachines(
  server: CrashServer,
  leases: readonly string[],
  machines: readonly MachineSeen[],
): string[] {
  const uids = new Set(leases.map((number) => FIRST_SLOT_UID + Number(number)));
  const pids = new Set(machines.map(({ pid }) => pid));
  const containers = machines.filter(({ runtime }) => runtime === "gvisor").map(({ id }) => id);
  const isInContainer = (pid: number): boolean => {
    const groups = read(`/proc/${pid}/cgroup`);
    return containers.some((id) => groups.includes(`pandastack_${server.id}/${id}`));
  };
  return allProcesses()
    .filter(({ pid, command }) => uids.has(uidOf(pid) ?? -1) || command.includes(`${server.runDir}/m/`))
    .filter(({ pid }) => !pids.has(pid) && !isInContainer(pid))
    .map(({ pid, command }) => `process ${pid} ${command.slice(0, 200)}`);
}

/** One of each part, and no helper of a former life. */
function ownProcesses(server: CrashServer): string[] {
  const pids = new Set(parts.map((part) => server.pidOf(part)));
  return allProcesses()
    .filter(({ pid, command }) => /\/(host-agent|control-plane)\/src\/main\.ts/.test(command) && !pids.has(pid))
    .filter(({ pid }) => read(`/proc/${pid}/environ`).includes(`PANDASTACK_SERVER_ID=${server.id}\0`))
    .map(({ pid, command }) => `process ${pid} ${command.slice(0, 120)}`);
}

/** Control groups of machines, under whatever hierarchy, name the machine: each has its own, and none outlives it. */
function cgroupsOfMachines(server: CrashServer, machines: readonly MachineSeen[]): string[] {
  const groups = lines("find", ["/sys/fs/cgroup", "-type", "d", "-path", `*pandastack*${server.id}*`])
    .map((path) => path.split("/").at(-1) ?? "")
    .filter((name) => /^[0-9a-f]{12}$/.test(name));
  // A host that has no control groups to be used has none.
  if (groups.length === 0) return [];
  return difference("control group of machine", { groups: [...new Set(groups)], machines: ids(machines) });
}

function uidOf(pid: number): number | undefined {
  const uid = /^Uid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1];
  return uid === undefined ? undefined : Number(uid);
}
