import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, newSandboxId, waitFor } from "@pandastack/platform";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hibernationDir, hostLayout, sandboxDir, sandboxDisk, type HostLayout } from "../../src/files/layout.ts";
import type { NetworkSlot } from "../../src/network/slot.ts";
import { createFakeRuntime } from "../../src/runtimes/fake/index.ts";
import { Runtimes } from "../../src/runtimes/registry.ts";
import type { SandboxHost } from "../../src/sandboxes/host.ts";
import { PlainSlots } from "../../src/sandboxes/plain-slots.ts";
import { openSandboxHost } from "../../src/sandboxes/sandbox-host.ts";
import type { SlotSource } from "../../src/sandboxes/slots.ts";

/** What a killed life may leave, put there by hand; the fake's machines live in this process and are found again. */
describe("a start after a kill", () => {
  let root: string;
  let layout: HostLayout;
  let host: SandboxHost;
  let id: string;
  const log = createLogger("test");
  log.level = "silent";

  const open = async (slots: SlotSource = new PlainSlots()): Promise<SandboxHost> => {
    const nothing = { path: join(root, "rootfs"), key: "fake", version: "fake" };
    return openSandboxHost({
      layout,
      log,
      slots,
      artifacts: {
        vmm: { root, qemuPath: "/none", version: "fake", key: "fake" },
        kernel: nothing,
        initrd: { ...nothing, agentKey: "fake" },
        rootfs: { base: { path: nothing.path, key: "fake", diskMb: 2048 } },
      },
      runtimes: new Runtimes([
        {
          runtime: createFakeRuntime({ dir: join(layout.poolDir, "machines") }),
          size: { cpus: 1, memoryMb: 512 },
          ahead: 0,
        },
      ]),
      mac: "02:00:00:00:00:01",
    });
  };
  const execute = (name: "wakeSandbox" | "hibernateSandbox") =>
    host.execute({ operationId: newSandboxId(), command: { name, sandboxId: id } });

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "pandastack-recovery-"));
    layout = hostLayout({ dataDir: join(root, "data"), runDir: join(root, "run"), cacheDir: join(root, "cache") });
    mkdirSync(layout.poolDir, { recursive: true });
    writeFileSync(join(root, "rootfs"), "");
    host = await open();
    await host.ready();
    id = newSandboxId();
    const command = {
      name: "createSandbox",
      sandboxId: id,
      from: { template: "base" },
      runtime: "fake",
      env: {},
      persistent: false,
    } as const;
    await host.execute({ operationId: newSandboxId(), command });
  });
  afterEach(async () => {
    await host.close("hibernate");
    rmSync(root, { recursive: true, force: true });
  });

  it("removes the image of a hibernation that the journal does not know of", async () => {
    await host.close("leave");
    mkdirSync(hibernationDir(layout, id));
    host = await open();
    expect(host.sandbox(id).state).toBe("running");
    expect(readdirSync(sandboxDir(layout, id))).toEqual(["disk"]);
  });

  it("gives the disk of a woken machine its name, whichever half of that was done", async () => {
    await execute("hibernateSandbox");
    await execute("wakeSandbox");
    const { ino } = statSync(sandboxDisk(layout, id));
    await host.close("leave");
    // Killed between the link and its move, in a wake: the name is still the former machine's.
    linkSync(sandboxDisk(layout, id), `${sandboxDisk(layout, id)}.new`);
    rmSync(sandboxDisk(layout, id));
    writeFileSync(sandboxDisk(layout, id), "the former machine's");
    host = await open();
    expect(readdirSync(sandboxDir(layout, id))).toEqual(["disk"]);
    expect(statSync(sandboxDisk(layout, id)).ino).toBe(ino);
    await execute("hibernateSandbox");
    expect((await execute("wakeSandbox")) as object).toMatchObject({ state: "running" });
  });

  it("hibernates a sandbox whose network has lost a part; its next use gives it another", async () => {
    await host.close("leave");
    class LostSlots extends PlainSlots {
      override async adopt(slots: readonly { slot: NetworkSlot }[]): Promise<number[]> {
        await super.adopt(slots);
        return slots.map(({ slot }) => slot.number);
      }
    }
    host = await open(new LostSlots());
    expect(host.sandbox(id).state).toBe("hibernated");
    expect(existsSync(hibernationDir(layout, id))).toBe(true);
    await host.ready();
    expect((await execute("wakeSandbox")) as object).toMatchObject({ state: "running" });
  });

  it("makes the template as soon as what was missing is there", async () => {
    await host.close("hibernate");
    rmSync(join(layout.poolDir, "templates"), { recursive: true });
    rmSync(layout.cacheDir, { recursive: true });
    rmSync(join(root, "rootfs"));
    host = await open();
    await waitFor(async () => (await host.info()).templates[0]?.status === "failed", {
      timeoutMs: 5_000,
      message: "a bake without a root file system does not fail",
    });
    expect((await host.info()).ready).toBe(false);
    writeFileSync(join(root, "rootfs"), "");
    await host.ready();
    expect((await host.info()).ready).toBe(true);
  });
});
