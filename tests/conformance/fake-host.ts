import { existsSync, statfsSync } from "node:fs";
import { mkdtemp, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostLayout, type HostLayout } from "@pandastack/host-agent/files/layout";
import type { Artifacts } from "@pandastack/host-agent/images/artifacts";
import { createFakeRuntime, fakeMachines } from "@pandastack/host-agent/runtimes/fake/index";
import { Runtimes } from "@pandastack/host-agent/runtimes/registry";
import { PlainSlots } from "@pandastack/host-agent/sandboxes/plain-slots";
import { openSandboxHost } from "@pandastack/host-agent/sandboxes/sandbox-host";
import type { SandboxHost } from "@pandastack/host-agent/sandboxes/host";
import { asOfAnotherBoot } from "./another-boot.ts";
import { createLogger } from "@pandastack/platform";

export interface FakeHost {
  readonly host: SandboxHost;
  readonly layout: HostLayout;
  /** Closes the agent without its machines and opens another one over the same folders. */
  restart(): Promise<SandboxHost>;
  /** As `restart`, and the machines are those of another boot of the host. */
  reboot(): Promise<void>;
  /** The machine of a running sandbox dies, as a VMM that crashes. */
  killMachine(sandboxId: string): Promise<void>;
  /** Takes everything down and removes the folders. */
  remove(): Promise<void>;
}

/** The journal flushes at every commit, which on a disk is most of what a test of the fake would take. */
const MEMORY_DIR = "/dev/shm";
const LEAST_BYTES = 2 * 1024 ** 3;

function roomInMemory(): boolean {
  if (!existsSync(MEMORY_DIR)) return false;
  const { bavail, bsize } = statfsSync(MEMORY_DIR);
  return bavail * bsize >= LEAST_BYTES;
}

/** A whole host agent over the fake runtime, in folders of its own. */
export async function openFakeHost(): Promise<FakeHost> {
  const root = await mkdtemp(join(roomInMemory() ? MEMORY_DIR : tmpdir(), "pandastack-fake-"));
  const layout = hostLayout({ dataDir: join(root, "data"), runDir: join(root, "run"), cacheDir: join(root, "cache") });
  await mkdir(layout.poolDir, { recursive: true });
  const rootfs = join(root, "rootfs");
  // Not a file system: the fake guest brings its own.
  await writeFile(rootfs, "");
  const nothing = { path: rootfs, key: "fake", version: "fake" };
  const artifacts: Artifacts = {
    vmm: { root, qemuPath: "/none", version: "fake", key: "fake" },
    kernel: nothing,
    initrd: { ...nothing, agentKey: "fake" },
    rootfs: { base: { path: rootfs, key: "fake", diskMb: 2048 } },
  };
  const log = createLogger("fake-host");
  log.level = "fatal";
  const open = async (): Promise<SandboxHost> => {
    const host = await openSandboxHost({
      layout,
      artifacts,
      log,
      runtimes: new Runtimes([
        {
          runtime: createFakeRuntime({ dir: join(layout.poolDir, "machines") }),
          size: { cpus: 1, memoryMb: 512 },
          ahead: 0,
        },
      ]),
      slots: new PlainSlots(),
      mac: "02:00:00:00:00:01",
    });
    await host.ready();
    return host;
  };
  let host = await open();
  return {
    get host() {
      return host;
    },
    layout,
    async restart() {
      await host.close("leave");
      host = await open();
      return host;
    },
    async reboot() {
      await host.close("leave");
      asOfAnotherBoot(layout.dataDir);
      host = await open();
    },
    async killMachine(sandboxId) {
      const { guestIp } = host.sandbox(sandboxId);
      const machine = fakeMachines().find(
        (one) => one.disk.startsWith(layout.poolDir) && one.record.slot.hostIp === guestIp,
      );
      if (machine === undefined) throw new Error(`sandbox ${sandboxId} has no machine`);
      await machine.kill();
    },
    async remove() {
      await host.close("hibernate");
      await rm(root, { recursive: true, force: true });
    },
  };
}
