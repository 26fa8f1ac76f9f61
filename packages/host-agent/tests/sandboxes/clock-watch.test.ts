import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, newSandboxId, waitFor } from "@pandastack/platform";
import { expect, test, vi } from "vitest";
import { assembleFakeHost } from "../../src/assemble-fake.ts";
import { hostLayout } from "../../src/files/layout.ts";

const HOURS_MS = 5 * 3_600_000;

test("guests follow when the host's clock is put forward and back by hours", async () => {
  const root = mkdtempSync(join(tmpdir(), "pandastack-clock-"));
  const layout = hostLayout({ dataDir: join(root, "data"), runDir: join(root, "run"), cacheDir: join(root, "cache") });
  mkdirSync(layout.poolDir, { recursive: true });
  const log = createLogger("test");
  log.level = "silent";
  const { host, close } = await assembleFakeHost({ layout, log });
  try {
    await host.ready();
    const sandboxId = newSandboxId();
    const from = { template: "base" };
    const command = { name: "createSandbox", sandboxId, from, runtime: "fake", env: {}, persistent: false } as const;
    await host.execute({ operationId: newSandboxId(), command });
    const guestMs = async (): Promise<number> => {
      let text = "";
      for await (const event of (await host.guest(sandboxId)).exec({ shell: "date +%s%3N" }))
        if (event.kind === "stdout") text += event.data.toString();
      return Number(text);
    };
    const trueNow = Date.now;
    for (const stepMs of [HOURS_MS, -HOURS_MS]) {
      vi.spyOn(Date, "now").mockImplementation(() => trueNow() + stepMs);
      await waitFor(async () => Math.abs((await guestMs()) - trueNow() - stepMs) < 1_000, {
        timeoutMs: 5_000,
        message: `the guest's clock does not follow a step of ${stepMs} ms`,
      });
    }
    expect(host.sandbox(sandboxId).state).toBe("running");
  } finally {
    vi.restoreAllMocks();
    await close();
    rmSync(root, { recursive: true, force: true });
  }
});
