import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "@pandastack/platform";
import type { HostLayout } from "./files/layout.ts";
import type { Artifacts } from "./images/artifacts.ts";
import { createFakeRuntime } from "./runtimes/fake/index.ts";
import { Runtimes } from "./runtimes/registry.ts";
import type { SandboxHost } from "./sandboxes/host.ts";
import { PlainSlots } from "./sandboxes/plain-slots.ts";
import { openSandboxHost } from "./sandboxes/sandbox-host.ts";

const FAKE_MEMORY_MB = 512;
const FAKE_DISK_MB = 8192;
const FAKE_MAC = "02:00:00:00:00:00";

/** A host whose sandboxes are made up, for tests of everything above it: no root, no VMM, no network, no pool. */
export async function assembleFakeHost(options: {
  layout: HostLayout;
  log: Logger;
}): Promise<{ host: SandboxHost; close: () => Promise<void>; leave: () => Promise<void> }> {
  const { layout, log } = options;
  mkdirSync(join(layout.poolDir, "machines"), { recursive: true });
  const rootfs = join(layout.dataDir, "fake-rootfs.json");
  writeFileSync(rootfs, "");
  const artifacts: Artifacts = {
    vmm: { root: "/", qemuPath: "", version: "fake", key: "fake" },
    kernel: { path: "", version: "fake", key: "fake" },
    initrd: { path: "", key: "fake", agentKey: "fake" },
    rootfs: { base: { path: rootfs, key: "fake", diskMb: FAKE_DISK_MB } },
  };
  const runtime = createFakeRuntime({ dir: join(layout.poolDir, "machines") });
  const runtimes = new Runtimes([{ runtime, size: { cpus: 1, memoryMb: FAKE_MEMORY_MB }, ahead: 0 }]);
  const host = await openSandboxHost({
    layout,
    runtimes,
    artifacts,
    slots: new PlainSlots(),
    mac: FAKE_MAC,
    log,
  });
  return { host, close: () => host.close("hibernate"), leave: () => host.close("leave") };
}
