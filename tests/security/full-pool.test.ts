import { execFileSync } from "node:child_process";
import { existsSync, rmSync, statfsSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, PandaStack, type Sandbox } from "@pandastack/sdk";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { server as shared } from "../e2e/support/api.ts";
import { leftoversOf } from "../e2e/support/leftovers.ts";
import { itWhen } from "../e2e/support/not-run.ts";
import { removeData, type RunningServer, startServer } from "../e2e/support/start-server.ts";

const isPossible = shared.dataDir !== null && !shared.isFake && process.getuid?.() === 0;
const withPool = itWhen(isPossible, "needs root and a server with real VMs on this host");

/** Two templates' worth. */
const POOL_GB = "3";
const MIB = 1_048_576;
/** Of the pool, for what saves a sandbox, and as much again as a create is promised. */
const KEPT_MB = 1024;
const FULL = { status: 507, code: "capacity.insufficient_storage" };

/** In order: each case leaves the pool as the next one needs it. */
describe.each(["microvm", "gvisor"])("a pool that is full, on %s", (runtime) => {
  let server: RunningServer;
  let panda: PandaStack;
  let sleeper: Sandbox;
  let stayer: Sandbox;
  let writer: Sandbox;
  const filler = (): string => join(server.dataDir, "pool", "filler");
  const freeMb = (): number => {
    const { bavail, bsize } = statfsSync(join(server.dataDir, "pool"));
    return Math.floor((bavail * bsize) / MIB);
  };
  /** XFS gives back what was removed when it finds the time: settled is what stays so. */
  const leaveFree = async (mb: number): Promise<void> => {
    let settled = 0;
    await waitFor(
      () => {
        const excessMb = freeMb() - mb;
        if (Math.abs(excessMb) <= 1) return ++settled >= 5;
        settled = 0;
        const filledMb = existsSync(filler()) ? Math.floor(statSync(filler()).size / MIB) : 0;
        if (excessMb > 0)
          execFileSync("fallocate", ["-o", String(filledMb * MIB), "-l", String(excessMb * MIB), filler()]);
        else truncateSync(filler(), Math.max(0, filledMb + excessMb) * MIB);
        return false;
      },
      { timeoutMs: 30_000, intervalMs: 200, message: `the pool does not stay at ${mb} MiB` },
    );
  };

  beforeAll(async () => {
    if (!isPossible) return;
    server = await startServer({
      env: { PANDASTACK_POOL_GB: POOL_GB, PANDASTACK_VMMS_AHEAD: "0", PANDASTACK_RUNTIME: runtime },
    });
    panda = new PandaStack({ apiUrl: server.url, token: server.token });
    [sleeper, stayer, writer] = [
      await panda.sandboxes.create({ ttlSeconds: 0 }),
      await panda.sandboxes.create({ ttlSeconds: 0 }),
      await panda.sandboxes.create({ ttlSeconds: 0 }),
    ];
    for (const sandbox of [sleeper, stayer, writer]) await sandbox.commands.run(`echo ${sandbox.id} > /dev/shm/memory`);
    // A guest of gVisor's has next to nothing in its memory by itself.
    await stayer.commands.run("head -c 40000000 /dev/urandom > /dev/shm/more");
  });
  afterAll(async () => {
    if (server === undefined) return;
    rmSync(filler(), { force: true });
    for await (const sandbox of panda.sandboxes.list()) await sandbox.kill();
    await server.stop();
    expect(leftoversOf(server.dataDir)).toEqual([]);
    removeData(server.dataDir);
  });

  const isWhole = async (sandbox: Sandbox): Promise<void> => {
    expect((await sandbox.commands.run("cat /dev/shm/memory")).stdout).toBe(`${sandbox.id}\n`);
  };

  withPool("refuses what is new, says which limit it is, and saves what there is", async () => {
    await leaveFree(400);
    await expect(panda.sandboxes.create()).rejects.toMatchObject({
      ...FULL,
      message: expect.stringMatching(/storage pool is full.*delete sandboxes or snapshots/),
      details: { limit: "pool" },
    });
    await expect(stayer.fork()).rejects.toMatchObject(FULL);
    await expect(stayer.snapshots.create()).rejects.toMatchObject(FULL);
    expect(await panda.sandboxes.list().toArray()).toHaveLength(3);
    await isWhole(stayer);
    // What saves a sandbox may use what is kept for that.
    await sleeper.hibernate();
    await expect(sleeper.wake()).rejects.toMatchObject(FULL);
    expect((await sleeper.refresh()).status).toBe("hibernated");
  });

  withPool("refuses to hibernate what it has no room for, and the sandbox goes on", async () => {
    await leaveFree(33);
    await expect(stayer.hibernate()).rejects.toMatchObject(FULL);
    expect((await stayer.refresh()).status).toBe("running");
    await isWhole(stayer);
  });

  const withDisk = itWhen(
    isPossible && runtime === "microvm",
    runtime === "microvm" ? "needs root and a server with real VMs on this host" : "its files are in its memory",
  );
  withDisk(
    "holds the guest that filled it, and no other, until there is room again",
    async () => {
      await leaveFree(24);
      let isOver = false;
      const write =
        "head -c 96000000 /dev/urandom > /root/big && sync && sha256sum < /root/big && cat /root/big | sha256sum";
      const writing: Promise<CommandResult> = writer.commands
        .run(write, { timeoutMs: 200_000 })
        .finally(() => (isOver = true));
      writing.catch(() => {});
      await waitFor(() => freeMb() < 8, {
        timeoutMs: 120_000,
        intervalMs: 100,
        message: "the guest did not fill the pool",
      });
      await isWhole(stayer);
      await expect(panda.sandboxes.create()).rejects.toMatchObject(FULL);
      expect(isOver, "it can't have written all").toBe(false);
      rmSync(filler(), { force: true });
      const { stdout, exitCode } = await writing;
      expect(exitCode).toBe(0);
      const [written, read] = stdout.trim().split("\n");
      expect(read).toBe(written);
      await isWhole(writer);
    },
    300_000,
  );

  withPool("works again as soon as there is room", async () => {
    rmSync(filler(), { force: true });
    await waitFor(() => freeMb() > KEPT_MB, { timeoutMs: 30_000, intervalMs: 100, message: "there is no room again" });
    await sleeper.wake();
    await isWhole(sleeper);
    const child = await stayer.fork();
    expect((await child.commands.run("cat /dev/shm/memory")).stdout).toBe(`${stayer.id}\n`);
    await child.kill();
    await writer.hibernate();
    await isWhole(writer);
    await (await panda.sandboxes.create()).kill();
  });
});
