import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import type { HostCommand, HostSandbox } from "@pandastack/contracts/host";
import { createLogger, newSandboxId, waitFor } from "@pandastack/platform";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hostLayout, neededBuildsFile, snapshotDir, type HostLayout } from "../../src/files/layout.ts";
import { readManifest, whyNotLoadable, writeManifest } from "../../src/images/manifest.ts";
import { createFakeRuntime, type FakeRuntimeOptions } from "../../src/runtimes/fake/index.ts";
import { type RuntimeEntry, Runtimes } from "../../src/runtimes/registry.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import type { SandboxHost } from "../../src/sandboxes/host.ts";
import { PlainSlots } from "../../src/sandboxes/plain-slots.ts";
import { openSandboxHost } from "../../src/sandboxes/sandbox-host.ts";

type Choice = Extract<HostCommand, { name: "createSandbox" }>["runtime"];
type As = NonNullable<FakeRuntimeOptions["as"]>;

const CPU = ["avx2", "sse2"];
const MICROVM: As = { name: "qemu", isolation: "microvm-tcg", buildKey: "vmm-1" };
const GVISOR: As = { name: "gvisor", isolation: "gvisor", buildKey: "runsc-1", cpuFeatures: CPU };

const UPGRADED: As = { ...GVISOR, buildKey: "runsc-2", canLoad: (buildKey) => buildKey === "runsc-1" };

/** One host, two runtimes: fakes that go by other names. */
describe("a host with several runtimes", () => {
  let root: string;
  let layout: HostLayout;
  let host: SandboxHost;
  /** Templates are baked once for all tests of this file. */
  let cacheDir: string;
  const log = createLogger("test");
  log.level = "silent";

  /** A build in the cache, named as the runtime names it. */
  const buildOf = ({ buildKey }: As): string => join(cacheDir, "builds", buildKey!);
  const entry = (as: As, overrides: Partial<Runtime> = {}): RuntimeEntry => ({
    runtime: {
      ...createFakeRuntime({ dir: join(layout.poolDir, "machines"), as, needs: [buildOf(as)] }),
      ...overrides,
    },
    size: { cpus: 1, memoryMb: 512 },
    ahead: 0,
  });
  const open = async (...entries: [RuntimeEntry, ...RuntimeEntry[]]): Promise<void> => {
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
      runtimes: new Runtimes(entries, [{ name: "firecracker", isolation: "microvm-kvm", reason: "there is no KVM" }]),
      mac: "02:00:00:00:00:01",
    });
  };
  const execute = async (command: HostCommand): Promise<HostSandbox> =>
    (await host.execute({ operationId: randomUUID(), command })) as HostSandbox;
  const create = (
    runtime: Choice,
    from: { template: string } | { snapshotId: string } = { template: "base" },
    persistent = false,
  ) => execute({ name: "createSandbox", sandboxId: newSandboxId(), from, runtime, env: {}, persistent });
  const snapshot = async (sandboxId: string): Promise<string> => {
    const snapshotId = randomUUID();
    await execute({ name: "createSnapshot", sandboxId, snapshotId });
    return snapshotId;
  };
  const runtimesOfTemplates = async () => (await host.info()).templates.map(({ runtime, status }) => [runtime, status]);

  beforeAll(() => void (cacheDir = mkdtempSync(join(tmpdir(), "pandastack-runtimes-cache-"))));
  afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "pandastack-runtimes-"));
    layout = hostLayout({ dataDir: join(root, "data"), runDir: join(root, "run"), cacheDir });
    mkdirSync(layout.poolDir, { recursive: true });
    writeFileSync(join(root, "rootfs"), "");
    for (const as of [MICROVM, GVISOR, UPGRADED]) mkdirSync(buildOf(as), { recursive: true });
    await open(entry(MICROVM), entry(GVISOR));
    await host.ready();
  });
  afterEach(async () => {
    await host.close("hibernate");
    rmSync(root, { recursive: true, force: true });
  });

  it("bakes the default runtime's template at its start, another's for the first who asks for it", async () => {
    expect(await runtimesOfTemplates()).toEqual([["qemu", "ready"]]);
    expect(await create("auto")).toMatchObject({ runtime: "qemu", isolation: "microvm-tcg" });
    const [one, two] = await Promise.all([create("gvisor"), create("gvisor")]);
    expect([one.runtime, two.isolation]).toEqual(["gvisor", "gvisor"]);
    expect(await runtimesOfTemplates()).toEqual([
      ["qemu", "ready"],
      ["gvisor", "ready"],
    ]);
  });

  it("whose default has no disks makes ready what has, for sandboxes that are to last", async () => {
    await host.close("hibernate");
    await open(entry(GVISOR, { isDiskless: true }), entry(MICROVM));
    await host.ready();
    await waitFor(async () => (await runtimesOfTemplates()).join() === "gvisor,ready,qemu,ready", {
      timeoutMs: 5_000,
      message: "no template for sandboxes with disks is made",
    });
    expect(await create("auto")).toMatchObject({ runtime: "gvisor" });
    expect(await create("auto", { template: "base" }, true)).toMatchObject({ runtime: "qemu" });
  });

  it("whose default has templates with disks beside the others takes those for sandboxes that are to last", async () => {
    await host.close("hibernate");
    const withDisks = entry({ ...GVISOR, buildKey: `${GVISOR.buildKey}-disk` }).runtime;
    await open({ ...entry(GVISOR, { isDiskless: true }), withDisks }, entry(MICROVM));
    await host.ready();
    await waitFor(async () => (await runtimesOfTemplates()).join() === "gvisor,ready,gvisor,ready", {
      timeoutMs: 5_000,
      message: "no template for sandboxes with disks is made",
    });
    const lasting = await create("auto", { template: "base" }, true);
    expect(lasting).toMatchObject({ runtime: "gvisor" });
    const keyOf = async (id: string) => readManifest(snapshotDir(layout, await snapshot(id)))!.templateKey;
    expect(await keyOf(lasting.id)).not.toBe(await keyOf((await create("auto")).id));
  });

  it("gives no volume that a microVM has written to, a clone of one neither, to a runtime for which the host mounts it", async () => {
    await host.close("hibernate");
    const mounting = entry({ ...GVISOR, buildKey: `${GVISOR.buildKey}-disk` }, { mountsVolumes: true }).runtime;
    await open({ ...entry(GVISOR, { isDiskless: true, mountsVolumes: true }), withDisks: mounting }, entry(MICROVM));
    await host.ready();
    const [volumeId, cloneId] = [randomUUID(), randomUUID()];
    const createWith = (runtime: Choice, id: string, readOnly = false) =>
      execute({
        ...{ name: "createSandbox", sandboxId: newSandboxId(), from: { template: "base" }, runtime, env: {} },
        ...{ persistent: false, volumes: [{ volumeId: id, name: "data", path: "/mnt/data", readOnly }] },
      });
    await execute({ name: "createVolume", volumeId, volumeName: "data", sizeBytes: 16 * 1_048_576 });
    const first = await createWith("auto", volumeId);
    expect(first).toMatchObject({ runtime: "gvisor" });
    await execute({ name: "deleteSandbox", sandboxId: first.id });
    // Of what it only reads, a microVM has a copy.
    expect(await createWith("microvm", volumeId, true)).toMatchObject({ runtime: "qemu" });
    const again = await createWith("gvisor", volumeId);
    await execute({ name: "deleteSandbox", sandboxId: again.id });
    const microvm = await createWith("microvm", volumeId);
    await execute({ name: "cloneVolume", volumeId: cloneId, volumeName: "clone", from: volumeId, isSnapshot: false });
    await execute({ name: "deleteSandbox", sandboxId: microvm.id });
    for (const id of [volumeId, cloneId]) {
      await expect(createWith("gvisor", id)).rejects.toMatchObject({ code: "volume.incompatible" });
      expect(await createWith("auto", id)).toMatchObject({ runtime: "qemu" });
    }
  });

  it("says which runtimes it has, which it has not and why", async () => {
    const { runtimes } = await host.info();
    expect(runtimes.map(({ name, available, reason }) => [name, available, reason])).toEqual([
      ["qemu", true, null],
      ["gvisor", true, null],
      ["firecracker", false, "there is no KVM"],
    ]);
    await expect(create("fake")).rejects.toMatchObject({
      code: "runtime.unavailable",
      message: expect.stringContaining('it has "microvm", "gvisor"'),
    });
  });

  it("restores a snapshot by the runtime that took it and by no other", async () => {
    const snapshotId = await snapshot((await create("gvisor")).id);
    expect(await create("auto", { snapshotId })).toMatchObject({ runtime: "gvisor" });
    expect(await create("gvisor", { snapshotId })).toMatchObject({ runtime: "gvisor" });
    await expect(create("microvm", { snapshotId })).rejects.toMatchObject({
      code: "snapshot.incompatible",
      message: expect.stringMatching(/taken by the runtime "gvisor".*cannot be restored by "microvm"/),
    });
  });

  it("forks, hibernates, wakes and adopts each by its own runtime", async () => {
    const [vm, box] = [await create("microvm"), await create("gvisor")];
    const child = newSandboxId();
    const children = [{ sandboxId: child, env: {}, persistent: false }];
    await execute({ name: "forkSandbox", sandboxId: box.id, children });
    await execute({ name: "hibernateSandbox", sandboxId: box.id });
    await host.close("leave");
    // The other way round: what is the default has nothing to do with what there is.
    await open(entry(GVISOR), entry(MICROVM));
    expect(host.sandbox(vm.id)).toMatchObject({ state: "running", runtime: "qemu" });
    expect(host.sandbox(child)).toMatchObject({ state: "running", runtime: "gvisor" });
    expect(await execute({ name: "wakeSandbox", sandboxId: box.id })).toMatchObject({ runtime: "gvisor" });
  });

  it("goes on without a runtime that is gone: its sandboxes say so, its snapshots wait for it", async () => {
    const box = await create("gvisor");
    const snapshotId = await snapshot(box.id);
    await host.close("leave");
    await open(entry(MICROVM));
    expect(host.sandbox(box.id)).toMatchObject({ state: "failed", reason: expect.stringContaining('"gvisor"') });
    await host.ready();
    await expect(create("auto", { snapshotId })).rejects.toMatchObject({ code: "runtime.unavailable" });
    await host.close("leave");
    await open(entry(MICROVM), entry(GVISOR));
    expect(await create("auto", { snapshotId })).toMatchObject({ runtime: "gvisor" });
  });

  describe("after an upgrade", () => {
    it("restores each snapshot with the build that it needs, and so are those that are taken of it", async () => {
      const snapshotId = await snapshot((await create("gvisor")).id);
      await host.close("hibernate");
      await open(entry(UPGRADED));
      const restored = await create("auto", { snapshotId });
      const again = await snapshot(restored.id);
      expect(readManifest(snapshotDir(layout, again))!.buildKey).toBe("runsc-1");
      await host.ready();
      const fresh = await snapshot((await create("auto")).id);
      expect(readManifest(snapshotDir(layout, fresh))!.buildKey).toBe("runsc-2");
    });

    it("tells whoever clears the cache which builds are needed still", async () => {
      const needed = (): string[] =>
        (JSON.parse(readFileSync(neededBuildsFile(layout), "utf8")) as { paths: string[] }).paths;
      const snapshotId = await snapshot((await create("gvisor")).id);
      await host.close("hibernate");
      await open(entry(UPGRADED));
      expect(needed()).toContain(buildOf(GVISOR));
      const again = await snapshot((await create("auto", { snapshotId })).id);
      expect(readManifest(snapshotDir(layout, again))!.needs).toEqual([buildOf(GVISOR)]);
      await host.close("hibernate");
      rmSync(buildOf(GVISOR), { recursive: true });
      await open(entry(UPGRADED));
      rmSync(join(snapshotDir(layout, snapshotId), "disk.json"));
      await expect(create("auto", { snapshotId })).rejects.toMatchObject({
        code: "snapshot.incompatible",
        message: expect.stringContaining(`restored with ${buildOf(GVISOR)}, which is not there any more`),
      });
    });

    it("refuses a snapshot whose build is gone", async () => {
      const snapshotId = await snapshot((await create("gvisor")).id);
      await host.close("hibernate");
      await open(entry({ ...UPGRADED, canLoad: () => false }));
      // The fake's images have a disk; a runtime that keeps everything in memory can't boot one instead.
      rmSync(join(snapshotDir(layout, snapshotId), "disk.json"));
      await expect(create("auto", { snapshotId })).rejects.toMatchObject({
        code: "snapshot.incompatible",
        message: expect.stringContaining("another build"),
      });
    });

    it("bakes templates anew in the background, and serves the old one until then", async () => {
      await create("gvisor");
      await host.close("hibernate");
      layout = { ...layout, cacheDir: join(root, "empty-cache") };
      let begin = (): void => {};
      const held = new Promise<void>((resolve) => (begin = resolve));
      const upgraded = entry(UPGRADED);
      const boot = upgraded.runtime.boot.bind(upgraded.runtime);
      await open(
        entry(UPGRADED, {
          boot: async (plan) => {
            await held;
            return boot(plan);
          },
        }),
      );
      await waitFor(async () => (await host.info()).ready, {
        timeoutMs: 5_000,
        message: "the old template does not serve",
      });
      const old = await snapshot((await create("auto")).id);
      expect(readManifest(snapshotDir(layout, old))!.buildKey).toBe("runsc-1");
      begin();
      await host.ready();
      const fresh = await snapshot((await create("auto")).id);
      expect(readManifest(snapshotDir(layout, fresh))!.buildKey).toBe("runsc-2");
    });
  });

  it("bakes a template anew that is restored with what is not there any more", async () => {
    await host.close("hibernate");
    const images = () =>
      [layout.poolDir, cacheDir]
        .flatMap((folder) => readdirSync(join(folder, "templates")).map((key) => join(folder, "templates", key)))
        .filter((dir) => readManifest(dir)?.runtime === "qemu");
    expect(images().length).toBeGreaterThan(1);
    for (const dir of images()) writeManifest(dir, { ...readManifest(dir)!, needs: [join(cacheDir, "gone")] });
    await open(entry(MICROVM));
    await host.ready();
    expect(images().map((dir) => readManifest(dir)!.needs)).toEqual(images().map(() => [buildOf(MICROVM)]));
    expect(await create("auto")).toMatchObject({ runtime: "qemu" });
  });

  it("bakes a template anew whose root file system was cleared away and made once more", async () => {
    const rootKey = "0123456789abcdef0123456789abcdef";
    const folder = join(cacheDir, "roots", rootKey);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "root.disk"), "");
    const makeRoot = () => {
      const description = { key: rootKey, diskMb: 64, bytes: 0, createdAt: new Date().toISOString() };
      writeFileSync(join(folder, "root.json"), JSON.stringify(description));
    };
    makeRoot();
    const reading = () => {
      const needs = [join(folder, "root.disk")];
      return entry(MICROVM, createFakeRuntime({ dir: join(layout.poolDir, "machines"), as: MICROVM, needs }));
    };
    const bakedAt = async (): Promise<string> => {
      await host.close("hibernate");
      await open(reading());
      await host.ready();
      const source = { template: "mine", rootKey };
      const command = { sandboxId: newSandboxId(), from: source, runtime: "auto", env: {}, persistent: false } as const;
      await execute({ name: "createSandbox", ...command });
      const dirs = readdirSync(join(layout.poolDir, "templates")).map((key) => join(layout.poolDir, "templates", key));
      return readManifest(dirs.find((dir) => readManifest(dir)?.rootKey === rootKey)!)!.createdAt;
    };
    const first = await bakedAt();
    expect(await bakedAt(), "it is kept").toBe(first);
    makeRoot();
    expect(await bakedAt()).not.toBe(first);
  });

  it("refuses a snapshot that may use what this processor has not, and names it", async () => {
    const snapshotId = await snapshot((await create("gvisor")).id);
    const dir = snapshotDir(layout, snapshotId);
    const manifest = readManifest(dir)!;
    expect(manifest.cpuFeatures).toEqual(CPU);
    await host.close("hibernate");
    writeManifest(dir, { ...manifest, cpuFeatures: [...CPU, "avx512f"] });
    const before = readFileSync(join(dir, "memory.json"));
    await open(entry(GVISOR));
    const gvisor = { name: "gvisor" as const, buildKey: "runsc-1", cpuFeatures: CPU };
    expect(whyNotLoadable(readManifest(dir)!, gvisor)).toMatch(/may use avx512f, which this host's processor/);
    rmSync(join(dir, "disk.json"));
    await expect(create("auto", { snapshotId })).rejects.toMatchObject({
      code: "snapshot.incompatible",
      message: expect.stringMatching(/may use avx512f, which this host's processor/),
    });
    // It is as it was, for a host that has it.
    expect(readFileSync(join(dir, "memory.json")).equals(before)).toBe(true);
  });
});
