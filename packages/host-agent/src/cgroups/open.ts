import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "@pandastack/platform";
import { readServer } from "../network/leases/servers.ts";
import { run } from "../processes/run.ts";
import { Cgroups, SERVER_PREFIX, serverFolder } from "./cgroups.ts";
import { applySettings, childrenOf, removeCgroup, removeIfEmpty } from "./folder.ts";
import { CONTROLLERS, findHierarchies, type Controller, type Hierarchy } from "./hierarchies.ts";
import { machineSettings, serverSettings } from "./limits.ts";
import { MachineCgroup } from "./machine-cgroup.ts";
import { deviceOf } from "./pool-device.ts";

/** Any size: only whether limits can be set is asked. */
const PROBE_SIZE = { cpus: 1, memoryMb: 512 };
const PROBE = "probe";

/**
 * Takes this server's part of the host's cgroups. Each controller is tried on a cgroup of its own first; what can't be used
 * (no root, mounted read-only, taken by a container's own processes) is left out, and the log and `status` say so.
 *
 *     const cgroups = await openCgroups({ serverId: "k3x9", poolDir, runDir: "/run/pandastack", log });
 *     const cgroup = cgroups.make(machineId, { cpus: 1, memoryMb: 512 });
 *     spawn(...cgroup.joining(["qemu", …]));
 */
export async function openCgroups(options: {
  serverId: string;
  poolDir: string;
  /** Host-wide, where all servers of the host are known: `/run/pandastack`. */
  runDir: string;
  log: Pick<Logger, "info" | "warn">;
  mountinfo?: string;
}): Promise<Cgroups> {
  const { serverId, log } = options;
  const device = deviceOf(options.poolDir);
  const mounted = findHierarchies(options.mountinfo ?? readFileSync("/proc/self/mountinfo", "utf8"), controllersOf);
  const problems = new Map<Controller, string>();
  const hierarchies: Hierarchy[] = [];
  for (const hierarchy of mounted) {
    const usable = await tryHierarchy({ hierarchy, serverId, device, problems });
    if (usable.controllers.length > 0) hierarchies.push(usable);
  }
  for (const hierarchy of hierarchies) removeAbandoned(hierarchy, serverId, options.runDir);
  const controllers = CONTROLLERS.filter((name) => hierarchies.some((one) => one.controllers.includes(name)));
  const reason = describeMissing(controllers, problems);
  if (reason === null) log.info({ controllers }, "machines get cgroups of their own");
  else log.warn({ controllers, reason }, "machines are not limited by cgroups in everything");
  return new Cgroups({ hierarchies, serverId, device, status: { controllers, reason } });
}

async function tryHierarchy(options: {
  hierarchy: Hierarchy;
  serverId: string;
  device: string;
  problems: Map<Controller, string>;
}): Promise<Hierarchy> {
  const { hierarchy, serverId, device, problems } = options;
  const { version, mount } = hierarchy;
  const folder = serverFolder(hierarchy, serverId);
  const probe = join(folder, PROBE);
  const usable: Controller[] = [];
  let current: readonly Controller[] = hierarchy.controllers;
  const give = (error: unknown): void => {
    for (const controller of current) problems.set(controller, error instanceof Error ? error.message : String(error));
  };
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    for (const controller of hierarchy.controllers) {
      current = [controller];
      try {
        if (version === 2) for (const parent of [mount, folder]) enable(parent, controller);
        applySettings(folder, serverSettings(version, controller));
        mkdirSync(probe, { recursive: true, mode: 0o755 });
        applySettings(probe, machineSettings(version, controller, PROBE_SIZE, device));
        usable.push(controller);
      } catch (error) {
        give(error);
      }
    }
    current = usable;
    if (usable.length > 0) {
      const cgroup = new MachineCgroup([{ version, controllers: usable, folder: probe }], device);
      const [file, ...argv] = cgroup.joining(["/bin/true"]);
      await run(file!, argv);
    }
    await removeCgroup(probe);
    if (usable.length === 0) await removeCgroup(folder);
    return { ...hierarchy, controllers: usable };
  } catch (error) {
    give(error);
    return { ...hierarchy, controllers: [] };
  }
}

/** Empty cgroups of servers that this host no longer knows: killed, and their data folder removed. Nothing is ended for it. */
function removeAbandoned({ mount }: Hierarchy, ownId: string, runDir: string): void {
  for (const name of childrenOf(mount)) {
    if (!name.startsWith(SERVER_PREFIX)) continue;
    const serverId = name.slice(SERVER_PREFIX.length);
    if (serverId === ownId || readServer(runDir, serverId) !== undefined) continue;
    const folder = join(mount, name);
    for (const child of childrenOf(folder)) removeIfEmpty(join(folder, child));
    removeIfEmpty(folder);
  }
}

function enable(folder: string, controller: Controller): void {
  applySettings(folder, [{ file: "cgroup.subtree_control", value: `+${controller}` }]);
}

function controllersOf(mount: string): string[] {
  try {
    return readFileSync(join(mount, "cgroup.controllers"), "utf8").trim().split(" ");
  } catch {
    return [];
  }
}

function describeMissing(controllers: readonly Controller[], problems: ReadonlyMap<Controller, string>): string | null {
  const missing = CONTROLLERS.filter((name) => !controllers.includes(name));
  if (missing.length === 0) return null;
  return missing.map((name) => `${name}: ${problems.get(name) ?? "no cgroup hierarchy with it is mounted"}`).join("; ");
}
