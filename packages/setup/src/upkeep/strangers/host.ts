import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { removeDeadServers, verifyClean } from "../../../../host-agent/src/network/cleanup.ts";
import { withHostLock } from "../../../../host-agent/src/network/leases/host-lock.ts";
import { listServers, serverState } from "../../../../host-agent/src/network/leases/servers.ts";
import { run } from "../../../../host-agent/src/processes/run.ts";
import { RUN_ROOT } from "../../supervisor/identity.ts";
import { removeTree } from "../../tools/remove-tree.ts";
import { leasedServers } from "./servers.ts";
import type { Stranger } from "./stranger.ts";

/** What killed servers whose data folder is gone have left in the kernel and in /run. */
export async function strangersOnHost(runRoot: string): Promise<Stranger[]> {
  // Devices are the whole host's, whatever folder its servers meet in: only where that is the host's own.
  const devices = runRoot === RUN_ROOT ? await deletedPools() : [];
  return [...(await deadServers(runRoot)), ...abandonedRunFolders(runRoot), ...devices];
}

async function deadServers(runRoot: string): Promise<Stranger[]> {
  const dead = listServers(runRoot).filter((record) => serverState(record) === "dead");
  return Promise.all(
    dead.map(async ({ serverId, dataDir }) => {
      const left = await verifyClean({ serverId, runDir: runRoot });
      return {
        kind: "network" as const,
        what: `server ${serverId}: ${left.join(", ")}`,
        why:
          dataDir === null
            ? "its process is gone"
            : `its process is gone, and so is ${dataDir} or the boot that it ran in`,
        bytes: 0,
        remove: () => removeDead(runRoot, serverId),
      };
    }),
  );
}

async function removeDead(runRoot: string, serverId: string): Promise<void> {
  await withHostLock(runRoot, () => removeDeadServers(runRoot, { warn: () => {} }));
  const isThere = listServers(runRoot).some((record) => record.serverId === serverId && serverState(record) === "dead");
  if (isThere) throw new Error(`processes still run in slots of server ${serverId}`);
}

/** Folders of sockets whose server gave its lease back, or never had one. */
function abandonedRunFolders(runRoot: string): Stranger[] {
  if (!existsSync(runRoot)) return [];
  const isOwned = (id: string): boolean =>
    leasedServers(runRoot).some((lease) => lease.id === id) ||
    listServers(runRoot).some((record) => record.serverId === id);
  return readdirSync(runRoot)
    .filter((name) => /^[0-9a-f]{4}$/.test(name) && !isOwned(name))
    .map((name) => ({
      kind: "run folder" as const,
      what: join(runRoot, name),
      why: "no server has this id",
      bytes: 0,
      remove: async () => {
        if (!isOwned(name)) await removeTree(join(runRoot, name));
      },
    }));
}

/** Loop devices over a pool whose file was deleted with its data folder; mounted or not. */
async function deletedPools(): Promise<Stranger[]> {
  const { stdout } = await run("losetup", ["--noheadings", "--raw", "--output", "NAME,BACK-FILE"]);
  return stdout
    .split("\n")
    .map((line) => /^(\S+) (.*\/pool\.img)(?: |\\x20)\(deleted\)$/.exec(line))
    .flatMap((match) => (match === null ? [] : [{ device: match[1]!, file: match[2]! }]))
    .map(({ device, file }) => ({
      kind: "loop device" as const,
      what: device,
      why: `its pool ${file} was deleted`,
      bytes: sizeOf(device),
      remove: async () => {
        for (const path of mountsOf(device)) await run("umount", [path]);
        await run("losetup", ["--detach", device]);
      },
    }));
}

const sizeOf = (device: string): number => Number(readFileSync(`/sys/block/${device.slice(5)}/size`, "utf8")) * 512;

function mountsOf(device: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([source]) => source === device)
    .map(([, path]) =>
      (path ?? "").replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    );
}
