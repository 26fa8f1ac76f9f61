import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { hostLayout, type HostLayout } from "@pandastack/host-agent/files/layout";
import type { Artifacts } from "@pandastack/host-agent/images/artifacts";
import { openCgroups, type Cgroups } from "@pandastack/host-agent/cgroups/index";
import { GUEST_MAC, destroyAll, openNetwork, type Network } from "@pandastack/host-agent/network/index";
import { closePool, openPool } from "@pandastack/host-agent/pool/index";
import { probeKvm } from "@pandastack/host-agent/runtimes/qemu/kvm-probe";
import { QemuRuntime } from "@pandastack/host-agent/runtimes/qemu/runtime";
import { Runtimes } from "@pandastack/host-agent/runtimes/registry";
import type { MachineSize, Runtime } from "@pandastack/host-agent/runtimes/runtime";
import { NetworkSlots } from "@pandastack/host-agent/sandboxes/network-slots";
import { openSandboxHost } from "@pandastack/host-agent/sandboxes/sandbox-host";
import type { SandboxHost } from "@pandastack/host-agent/sandboxes/host";
import { createLogger, newHexId, waitFor, type Logger } from "@pandastack/platform";
import { asOfAnotherBoot } from "./another-boot.ts";
import { readArtifacts } from "./artifacts.ts";
import type { Target } from "./suite/target.ts";

const POOL_GB = "4";
/** Network slots made ahead, each with two sockets of this process. */
const SLOTS_AHEAD = 2;
const STOCK_TIMEOUT_MS = 30_000;
/** Where servers of this host lease their slots; the same for all of them. */
const HOST_RUN_DIR = "/run/pandastack";

/** Why no virtual machine can be started here, or undefined. */
export function missingForMachines(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return "needs Linux on x86-64";
  if (process.getuid?.() !== 0) return "needs root";
  return undefined;
}

/** The parts of a host that a runtime is made with. */
export interface HostParts {
  readonly artifacts: Artifacts;
  readonly layout: HostLayout;
  readonly cgroups: Cgroups;
  readonly slots: NetworkSlots;
  readonly log: Logger;
}

export interface MadeRuntime {
  readonly runtime: Runtime & { close?(): Promise<void> };
  readonly size: MachineSize;
}

/** A host agent over QEMU. Hardware isolation where KVM works, else emulation. `ahead`: VMMs that wait for creates. */
export function openQemuHost(options: { ahead?: number } = {}): Promise<Target> {
  let kvm: boolean | undefined;
  return openMachineHost({
    ...options,
    name: "qemu",
    async make({ slots, ...parts }) {
      kvm ??= (
        await probeKvm({
          ...parts,
          acquireSlot: () => slots.acquire(),
          releaseSlot: (slot) => slots.release(slot),
        })
      ).works;
      return { runtime: new QemuRuntime({ ...parts, kvm }), size: { cpus: kvm ? 2 : 1, memoryMb: 512 } };
    },
    markOf: ({ layout }) => poolSource(layout),
  });
}

/** A whole host agent over a runtime with processes: own data folder, pool, network, server id. */
export async function openMachineHost(options: {
  name: string;
  ahead?: number;
  make: (parts: HostParts) => Promise<MadeRuntime>;
  markOf: (server: { layout: HostLayout; serverId: string }) => string;
  /** What set-up has made by the time of this start, where that is not always the same. */
  artifactsOf?: (made: Artifacts) => Artifacts;
  /** Where the host's own cache is not to be written to. */
  cacheDir?: string;
  /** What set-up is told. */
  settings?: Readonly<Record<string, string>>;
}): Promise<Target> {
  const made = await readArtifacts(options.settings);
  const serverId = `t${newHexId(3)}`;
  const dataDir = await mkdtemp(join(tmpdir(), `pandastack-${options.name}-`));
  const layout = hostLayout({
    dataDir,
    runDir: join(HOST_RUN_DIR, serverId),
    cacheDir: options.cacheDir ?? (process.env["PANDASTACK_CACHE_DIR"] || "/var/cache/pandastack"),
  });
  await mkdir(join(layout.runDir, "m"), { recursive: true, mode: 0o711 });
  const log = createLogger("conformance");
  log.level = process.env["PANDASTACK_LOG_LEVEL"] ?? "error";
  let cgroups: Cgroups | undefined;
  let opened: SandboxHost | undefined;

  async function open(): Promise<{ host: SandboxHost; runtime: MadeRuntime["runtime"]; network: Network }> {
    const artifacts = options.artifactsOf?.(made) ?? made;
    await openPool({ dataDir, log, env: { ...process.env, PANDASTACK_POOL_GB: POOL_GB } });
    const network = await openNetwork({ serverId, runDir: HOST_RUN_DIR, dataDir, log, prepareCount: SLOTS_AHEAD });
    const slots = new NetworkSlots(network);
    cgroups = await openCgroups({ serverId, poolDir: layout.poolDir, runDir: HOST_RUN_DIR, log });
    const { runtime, size } = await options.make({ artifacts, layout, cgroups, slots, log });
    const runtimes = new Runtimes([{ runtime, size, ahead: options.ahead ?? 0 }]);
    const host = await openSandboxHost({ layout, runtimes, artifacts, slots, mac: GUEST_MAC, log });
    opened = host;
    await host.ready();
    return { host, runtime, network };
  }

  async function removeFolders(): Promise<void> {
    await cgroups?.close();
    await closePool({ dataDir, log });
    await rm(dataDir, { recursive: true, force: true });
    await rm(layout.runDir, { recursive: true, force: true });
  }

  let agent = await open().catch(async (error: unknown) => {
    await opened?.close("hibernate");
    await removeFolders().catch((failure: unknown) =>
      log.error({ err: failure }, "could not clear away a host that did not open"),
    );
    throw error;
  });
  return {
    get host() {
      return agent.host;
    },
    folders: [layout.poolDir, layout.runDir],
    journal: join(dataDir, "journal/host.sqlite"),
    vmmMark: options.markOf({ layout, serverId }),
    marks: [`ps${serverId}-`, `pandastack_${serverId}`, dataDir],
    stocked: () =>
      waitFor(() => agent.network.readyCount >= SLOTS_AHEAD, {
        timeoutMs: STOCK_TIMEOUT_MS,
        intervalMs: 5,
        message: "the network's stock of slots is not full again",
      }),
    async restart() {
      await agent.host.close("leave");
      await agent.runtime.close?.();
      agent = await open();
    },
    async reboot() {
      const living = agent.host.sandboxes().filter(({ state }) => state === "running" || state === "paused");
      const pids = await Promise.all(living.map(async ({ id }) => (await agent.host.usage(id)).pid));
      await agent.host.close("leave");
      await agent.runtime.close?.();
      for (const pid of pids) process.kill(pid, "SIGKILL");
      await cgroups?.close();
      await destroyAll({ serverId, runDir: HOST_RUN_DIR });
      await closePool({ dataDir, log });
      await rm(layout.runDir, { recursive: true });
      await mkdir(join(layout.runDir, "m"), { recursive: true, mode: 0o711 });
      asOfAnotherBoot(dataDir);
      agent = await open();
    },
    async killMachine(sandboxId) {
      process.kill((await agent.host.usage(sandboxId)).pid, "SIGKILL");
    },
    async close() {
      await agent.host.close("hibernate");
      await agent.runtime.close?.();
      await removeFolders();
    },
    programs: { echoServer: (port) => `exec python3 -c '${ECHO_SERVER.replace("PORT", String(port))}'` },
    guestIsOutside: true,
  };
}

const ECHO_SERVER = `
import socket, threading
def serve(connection):
    while data := connection.recv(65536): connection.sendall(data)
    connection.close()
listener = socket.create_server(("127.0.0.1", PORT))
while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
`;

/** What the pool is mounted from; every jail of this server has something of it mounted. */
function poolSource(layout: HostLayout): string {
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const [fields, source] = line.split(" - ");
    // With the blanks around it: /dev/loop1 is no part of /dev/loop12.
    if (fields?.split(" ")[4] === layout.poolDir) return ` ${source!.split(" ")[1]!} `;
  }
  // Not a mount of its own: the folder's path shows in the jails' mounts.
  return join(dirname(layout.poolDir), "pool");
}
