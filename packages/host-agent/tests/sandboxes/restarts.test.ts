import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostCommand } from "@pandastack/contracts/host";
import { createLogger, newSandboxId, waitFor } from "@pandastack/platform";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { assembleFakeHost } from "../../src/assemble-fake.ts";
import { hostLayout, type HostLayout } from "../../src/files/layout.ts";
import { fakeMachines } from "../../src/runtimes/fake/index.ts";
import type { SandboxHost } from "../../src/sandboxes/host.ts";
import { DEATHS_LIMIT, FOLDER_COPIED } from "../../src/sandboxes/death.ts";

/** Machines that die one after the other, on the fake runtime. */
describe("a persistent sandbox whose machine dies", () => {
  /** The template is made once for all of them. */
  const cacheDir = mkdtempSync(join(tmpdir(), "pandastack-restarts-cache-"));
  let root: string;
  let layout: HostLayout;
  let host: SandboxHost;
  let id: string;
  const log = createLogger("test");
  log.level = "silent";

  const open = async (): Promise<void> => {
    ({ host } = await assembleFakeHost({ layout, log }));
    await host.ready();
  };
  const execute = (command: HostCommand) => host.execute({ operationId: newSandboxId(), command });
  const machine = () => fakeMachines().find((one) => one.disk.startsWith(root));
  const untilState = (state: string) =>
    waitFor(() => host.sandbox(id).state === state, { timeoutMs: 5_000, message: `it is not ${state}` });
  const untilDeaths = (count: number) =>
    waitFor(() => events().filter((type) => type === "vm.died").length === count, {
      timeoutMs: 5_000,
      message: `there are not ${count} deaths`,
    });
  const events = () => host.events(0).map(({ type }) => type);

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "pandastack-restarts-"));
    layout = hostLayout({ dataDir: join(root, "data"), runDir: join(root, "run"), cacheDir });
    mkdirSync(layout.poolDir, { recursive: true });
    await open();
    id = newSandboxId();
    const from = { template: "base" };
    await execute({ name: "createSandbox", sandboxId: id, from, runtime: "fake", env: {}, persistent: true });
  });
  afterEach(async () => {
    await host.close("hibernate");
    rmSync(root, { recursive: true, force: true });
  });

  afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

  it("is started again, but not for ever; a wake begins anew", async () => {
    for (let death = 1; death < DEATHS_LIMIT; death++) {
      await machine()!.kill();
      await untilDeaths(death);
      // Whoever uses it does not wait for its turn to be restarted.
      await execute({ name: "wakeSandbox", sandboxId: id });
      expect(host.sandbox(id)).toMatchObject({ state: "running", bootMode: "cold", reason: null });
    }
    await machine()!.kill();
    await untilState("failed");
    expect(host.sandbox(id).reason).toContain(`as the ${DEATHS_LIMIT - 1} before it`);
    expect(await execute({ name: "wakeSandbox", sandboxId: id })).toMatchObject({ state: "running" });
    await machine()!.kill();
    await untilDeaths(DEATHS_LIMIT + 1);
    await untilState("running");
    expect(events().slice(-2)).toEqual(["vm.died", "sandbox.woken"]);
  });

  for (const how of ["leave", "hibernate"] as const) {
    it(`is started by the next agent where this one closes (${how}) before it has`, async () => {
      await machine()!.kill();
      await untilDeaths(1);
      await untilState("running");
      // The second restart in a row waits for a second.
      await machine()!.kill();
      await untilDeaths(2);
      await host.close(how);
      expect(machine()).toBeUndefined();
      await open();
      await untilState("running");
      expect(events().slice(-2)).toEqual(["vm.died", "sandbox.woken"]);
    });
  }

  it("is started from its disk where its data folder was copied, and the original's machine is left alone", async () => {
    const plain = newSandboxId();
    const create = { name: "createSandbox", from: { template: "base" }, runtime: "fake", env: {} } as const;
    await execute({ ...create, sandboxId: plain, persistent: false });
    await host.close("leave");
    const living = () => fakeMachines().filter((one) => one.disk.startsWith(root));
    expect(living()).toHaveLength(2);
    const original = layout;
    const dataDir = join(root, "copy");
    cpSync(original.dataDir, dataDir, { recursive: true });
    layout = hostLayout({ dataDir, runDir: join(root, "run-copy"), cacheDir });
    await open();
    expect(host.sandbox(id)).toMatchObject({ state: "hibernated", reason: FOLDER_COPIED });
    expect(host.sandbox(plain)).toMatchObject({ state: "failed", reason: FOLDER_COPIED });
    await execute({ name: "wakeSandbox", sandboxId: id });
    expect(host.sandbox(id).bootMode).toBe("cold");
    await host.close("hibernate");
    expect(living(), "those of the original").toHaveLength(2);
    layout = original;
    await open();
    expect([id, plain].map((one) => host.sandbox(one).state)).toEqual(["running", "running"]);
  });

  it("goes on where its data folder was moved to", async () => {
    await host.close("hibernate");
    const dataDir = join(root, "moved");
    renameSync(layout.dataDir, dataDir);
    layout = hostLayout({ dataDir, runDir: join(root, "run"), cacheDir });
    await open();
    expect(await execute({ name: "wakeSandbox", sandboxId: id })).toMatchObject({ state: "running", bootMode: "wake" });
  });
});
