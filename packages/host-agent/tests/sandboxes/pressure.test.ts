import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createLogger, newSandboxId, waitFor } from "@pandastack/platform";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { hostLayout, scratchDir, type HostLayout } from "../../src/files/layout.ts";
import { createFakeRuntime } from "../../src/runtimes/fake/index.ts";
import { Runtimes } from "../../src/runtimes/registry.ts";
import type { SandboxHost } from "../../src/sandboxes/host.ts";
import { PlainSlots } from "../../src/sandboxes/plain-slots.ts";
import { averageOf } from "../../src/sandboxes/pressure/figures.ts";
import { coldest, pressureOf, type MemoryFigures } from "../../src/sandboxes/pressure/rules.ts";
import { pressureSettings } from "../../src/sandboxes/pressure/settings.ts";
import { openSandboxHost } from "../../src/sandboxes/sandbox-host.ts";

const usual = pressureSettings({});
const memory = (availablePercent: number, someStalled = 0, fullyStalled = 0): MemoryFigures => ({
  totalBytes: 1000,
  availableBytes: availablePercent * 10,
  someStalled,
  fullyStalled,
});

describe("what the host's figures mean", () => {
  test.each([
    [memory(50), "none", "none"],
    [memory(15), "none", "none"],
    [memory(14.9), "none", "squeeze"],
    [memory(8), "none", "squeeze"],
    [memory(7.9), "none", "hibernate"],
    [memory(50, 10.5), "none", "squeeze"],
    [memory(50, 40, 5.5), "none", "hibernate"],
    // What has begun ends three points later.
    [memory(17.9), "squeeze", "squeeze"],
    [memory(18), "squeeze", "none"],
    [memory(10.9), "hibernate", "hibernate"],
    [memory(11), "hibernate", "squeeze"],
    [memory(18), "hibernate", "none"],
  ] as const)("%j after %s: %s", (figures, before, expected) => {
    expect(pressureOf(figures, usual, before)).toBe(expected);
  });

  test("the coldest is the one idle for longest; what is open, or was just used, is none", () => {
    const one = (id: string, idleSeconds: number, isOpen = false) => ({ id, isOpen, idleMs: idleSeconds * 1000 });
    expect(coldest([one("a", 70), one("b", 90), one("c", 500, true), one("d", 80)], usual)?.id).toBe("b");
    expect(coldest([one("a", 59), one("c", 500, true)], usual)).toBeUndefined();
  });

  test("the kernel's waiting is read; settings are what they are called, and bounded", () => {
    const text = "some avg10=1.25 avg60=0.40 avg300=0.10 total=1\nfull avg10=0.75 avg60=0.00 avg300=0.00 total=2\n";
    expect([averageOf(text, "some"), averageOf(text, "full"), averageOf("", "full")]).toEqual([1.25, 0.75, 0]);
    expect(pressureSettings({ PANDASTACK_PRESSURE_HIBERNATE_PERCENT: "0" }).hibernateBelowPercent).toBe(0);
    expect(() => pressureSettings({ PANDASTACK_PRESSURE_SQUEEZE_PERCENT: "150" })).toThrow(/from 0 to 100/);
  });
});

/** Each machine that lives takes a tenth of this host: with ten, nothing is left. */
describe("a host whose memory fills up", () => {
  const COUNT = 10;
  let root: string;
  let layout: HostLayout;
  let host: SandboxHost;
  let isShort: boolean;
  let ids: string[];
  const log = createLogger("test");
  log.level = "silent";

  const living = () => host.sandboxes().filter(({ state }) => state === "running" || state === "paused").length;
  const states = () => ids.map((id) => host.sandbox(id).state);
  const events = (type: string) => host.events(0).filter((event) => event.type === type);

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "pandastack-pressure-"));
    layout = hostLayout({ dataDir: join(root, "data"), runDir: join(root, "run"), cacheDir: join(root, "cache") });
    mkdirSync(layout.poolDir, { recursive: true });
    writeFileSync(join(root, "rootfs"), "");
    isShort = false;
    const nothing = { path: join(root, "rootfs"), key: "fake", version: "fake" };
    host = await openSandboxHost({
      layout,
      log,
      slots: new PlainSlots(),
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
      memory: {
        measure: () => memory(isShort ? 100 - living() * 10 : 100),
        settings: { ...usual, intervalSeconds: 0.02, idleSeconds: 0 },
      },
      mac: "02:00:00:00:00:01",
    });
    await host.ready();
    ids = [];
    for (let n = 0; n < COUNT; n++) {
      const sandboxId = newSandboxId();
      const command = {
        name: "createSandbox",
        sandboxId,
        from: { template: "base" },
        runtime: "fake",
        env: {},
      } as const;
      await host.execute({ operationId: newSandboxId(), command: { ...command, persistent: n % 2 === 0 } });
      ids.push(sandboxId);
      await run(sandboxId, `echo ${n} > /dev/shm/kept`);
    }
  });
  afterEach(async () => {
    isShort = false;
    await host.close("hibernate");
    rmSync(root, { recursive: true, force: true });
  });

  async function run(id: string, shell: string): Promise<string> {
    let text = "";
    for await (const event of (await host.guest(id)).exec({ shell }))
      if (event.kind === "stdout") text += event.data.toString();
    return text.trim();
  }

  it("hibernates those that were idle for longest, as many as it takes, loses none, and says so", async () => {
    // The first one is in use; the second is used again, later than all others.
    const open = (await host.guest(ids[0]!)).exec({ shell: "sleep 600" });
    const first = open[Symbol.asyncIterator]();
    await first.next();
    await run(ids[1]!, "true");
    isShort = true;
    await waitFor(
      async () => (await host.info()).memory.pressure === "none" && events("host.memory_pressure").length > 1,
      {
        timeoutMs: 10_000,
        message: "the pressure does not end",
      },
    );
    const expected = ids.map((_, n) => (n === 2 || n === 3 ? "hibernated" : "running"));
    expect(states()).toEqual(expected);
    expect(events("sandbox.hibernated").map(({ sandboxId, payload }) => [sandboxId, payload])).toEqual([
      [ids[2], { cause: "memory_pressure" }],
      [ids[3], { cause: "memory_pressure" }],
    ]);
    expect(events("host.memory_pressure").map(({ payload }) => [payload["before"], payload["level"]])).toEqual([
      ["none", "hibernate"],
      ["hibernate", "none"],
    ]);
    isShort = false;
    open.release({ kill: true });
    for (const n of [2, 3])
      await host.execute({ operationId: newSandboxId(), command: { name: "wakeSandbox", sandboxId: ids[n]! } });
    expect(await Promise.all(ids.map((id) => run(id, "cat /dev/shm/kept")))).toEqual(ids.map((_, n) => String(n)));
  });

  it("lets one run on whose memory cannot be saved, says so, and leaves it alone for a while", async () => {
    const scratch = dirname(scratchDir(layout, "x"));
    renameSync(scratch, `${scratch}-away`);
    writeFileSync(scratch, "");
    isShort = true;
    await waitFor(() => events("sandbox.hibernation_failed").length === COUNT, {
      timeoutMs: 10_000,
      message: "not all were tried",
    });
    rmSync(scratch);
    renameSync(`${scratch}-away`, scratch);
    expect(states()).toEqual(ids.map(() => "running"));
    expect(await Promise.all(ids.map((id) => run(id, "cat /dev/shm/kept")))).toEqual(ids.map((_, n) => String(n)));
    expect(new Set(events("sandbox.hibernation_failed").map(({ sandboxId }) => sandboxId)).size).toBe(COUNT);
  });
});
