import { PandaStack, type Sandbox } from "@pandastack/sdk";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, inject } from "vitest";
import { leftoversOf } from "./support/leftovers.ts";
import { itWhen } from "./support/not-run.ts";
import { allProcesses, findBelow, treeOf } from "./support/process-tree.ts";
import { OUR_CLI, runCli } from "./support/programs.ts";
import { hasEnded, removeData, type RunningServer, startServer } from "./support/start-server.ts";

const { isFake, dataDir: sharedData } = inject("server");
const withVms = itWhen(
  !isFake && sharedData !== null,
  isFake ? "the fake runtime's machines live inside the host agent" : "not a server of this test's own",
);

/** How long a part may take to be there again after its death. */
const RECOVERY_TIMEOUT_MS = 30_000;

/** One sandbox lives through all of it, counting in memory. */
describe("kill -9", () => {
  let server: RunningServer;
  let sandbox: Sandbox;
  let counter: { pid: string; value: number };

  beforeAll(async () => {
    if (isFake || sharedData === null) return;
    server = await startServer({ readyTimeoutMs: 100_000 });
    sandbox = await new PandaStack({ apiUrl: server.url, token: server.token }).sandboxes.create({ ttlSeconds: 0 });
    await sandbox.commands.run(
      "(n=0; while :; do n=$((n+1)); printf '%09d\\n' $n 1<> /dev/shm/n; sleep 0.05; done) >/dev/null 2>&1 & echo $! > /dev/shm/pid",
      { check: true },
    );
    await sandbox.commands.run("head -c 2000000 /dev/urandom > /root/data; sha256sum /root/data > /root/sum", {
      check: true,
    });
    counter = await readCounter();
  });
  afterAll(async () => {
    if (server === undefined) return;
    await sandbox.kill();
    await server.stop();
    expect(leftoversOf(server.dataDir)).toEqual([]);
    removeData(server.dataDir);
  });

  for (const [name, command] of [
    ["the host agent", /host-agent/],
    ["the control plane", /control-plane/],
    ["PostgreSQL", /postgres/],
  ] as const) {
    withVms(`of ${name}: the sandbox lives on and is driven again`, async () => {
      const victim = findBelow(server.supervisor.pid!, command);
      // PostgreSQL's other processes see its death for themselves, a moment later, and answer until then.
      const dying = name === "PostgreSQL" ? treeOf(victim).map(({ pid }) => pid) : [victim];
      process.kill(victim, "SIGKILL");
      await waitFor(() => !allProcesses().some(({ pid }) => dying.includes(pid)), {
        timeoutMs: 20_000,
        message: "it did not die",
      });
      await untilItCounts();
      expect(hasEnded(server.supervisor)).toBe(false);
      const another = await new PandaStack({ apiUrl: server.url, token: server.token }).sandboxes.create();
      expect((await another.commands.run("echo new")).stdout).toBe("new\n");
      await another.kill();
    });
  }

  withVms("no: an upgrade leaves its machine running, and it is driven again", async () => {
    const { pid } = await sandbox.metrics();
    const parts = [/host-agent/, /control-plane/].map((command) => findBelow(server.supervisor.pid!, command));
    const env = { PANDASTACK_DATA_DIR: server.dataDir };
    const { exitCode, stdout, stderr } = await runCli(OUR_CLI, ["upgrade", "--json"], { env });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const steps = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { step: string; from_pid?: number });
    expect(steps.map(({ step }) => step)).toEqual(["set-up", "host agent", "control plane"]);
    expect(steps.slice(1).map((step) => step.from_pid)).toEqual(parts);
    expect(parts.filter(isAlive)).toEqual([]);
    expect((await sandbox.refresh()).status).toBe("running");
    await untilItCounts();
    expect((await sandbox.metrics()).pid).toBe(pid);
  });

  withVms("of everything at once: the next start adopts it", async () => {
    const victims = treeOf(server.supervisor.pid!);
    for (const { pid } of victims) tryKill(pid);
    await waitFor(() => victims.every(({ pid }) => !isAlive(pid)), { timeoutMs: 20_000, message: "not all died" });
    server = await startServer({ dataDir: server.dataDir, port: server.port });
    await untilItCounts();
  });

  for (const [name, strike] of [
    ["no: a stop by SIGTERM to the whole group", () => {}],
    ["of the host agent at the moment of a stop", () => killHostAgent()],
  ] as const) {
    withVms(`${name}: it is hibernated, nothing is left, and use wakes it after the next start`, async () => {
      strike();
      process.kill(-server.supervisor.pid!, "SIGTERM");
      await waitFor(() => hasEnded(server.supervisor), { timeoutMs: 60_000, message: "the group did not stop" });
      expect(leftoversOf(server.dataDir)).toEqual([]);
      server = await startServer({ dataDir: server.dataDir, port: server.port });
      await waitFor(async () => (await sandbox.refresh()).status === "hibernated", {
        timeoutMs: 20_000,
        intervalMs: 50,
        message: "it is not shown as hibernated",
      });
      await untilItCounts();
    });
  }

  function killHostAgent(): void {
    process.kill(findBelow(server.supervisor.pid!, /host-agent/), "SIGKILL");
  }

  /** The same process inside, further on than before; the disk as it was. */
  async function untilItCounts(): Promise<void> {
    const before = counter;
    counter = await waitFor(() => readCounter().catch(() => undefined), {
      timeoutMs: RECOVERY_TIMEOUT_MS,
      intervalMs: 100,
      message: "the sandbox is not driven again",
    });
    expect(counter.pid).toBe(before.pid);
    expect(counter.value).toBeGreaterThanOrEqual(before.value);
    // A read may still meet a connection that is being made anew.
    await waitFor(async () => ((await readCounter().catch(() => undefined))?.value ?? 0) > counter.value, {
      timeoutMs: RECOVERY_TIMEOUT_MS,
      message: "the counter stands still",
    });
    expect((await sandbox.commands.run("sha256sum -c --quiet /root/sum")).exitCode).toBe(0);
  }

  async function readCounter(): Promise<{ pid: string; value: number }> {
    const { stdout } = await sandbox.commands.run("kill -0 $(cat /dev/shm/pid) && cat /dev/shm/pid /dev/shm/n", {
      timeoutMs: 20_000,
      check: true,
    });
    const [pid = "", value = ""] = stdout.split("\n");
    return { pid, value: Number(value) };
  }
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Died with its parent meanwhile.
  }
}
