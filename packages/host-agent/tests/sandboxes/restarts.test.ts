import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostCommand } from "@pandastack/contracts/host";
import { createLogger, newSandboxId, waitFor } from "@pandastack/platform";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { assembleFakeHost } from "../../src/assemble-fake.ts";
import { hostLayout, type HostLayout } from "../../src/files/layout.ts";
import { fakeMachines } from "../../src/runtimes/fake/index.ts";
import type { SandboxHost } from "../../src/sandboxes/host.ts";
import { DEATHS_LIMIT } from "../../src/sandboxes/death.ts";

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
});
