import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { processStat } from "../../host-agent/src/processes/proc.ts";
import { closePool, openPool } from "../../host-agent/src/pool/index.ts";
import { lock, tryLock } from "../src/tools/file-lock.ts";
import { runTool } from "../src/tools/run-tool.ts";
import { ToolFailed } from "../src/tools/tool-failed.ts";
import { waitFor } from "../src/tools/wait.ts";
import { temporaryFolder } from "./folder.ts";

const node = (script: string, env: Record<string, string>): ReturnType<typeof spawn> =>
  spawn(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
/** Sleeps of this run alone: others' tests may run on the same machine. */
const SLEEP = `sleep ${987_000_000 + process.pid}`;
const WAIT_MS = 15_000;
// Above what a case waits for, which says what is missing.
vi.setConfig({ testTimeout: 60_000 });
async function sleepers(): Promise<number[]> {
  const listing = await runTool("ps", ["-eo", "pid=,args="], { life: "plain" });
  const lines = listing.split("\n").filter((line) => line.trim().endsWith(SLEEP) && !line.includes("sh -c"));
  return lines.map((line) => Number.parseInt(line, 10));
}
const modules = JSON.stringify(join(import.meta.dirname, "../src/tools"));

describe("lock", () => {
  it("keeps others out until it is released, and goes with its holder's death", async () => {
    const path = join(temporaryFolder(), "lock");
    const script = `const { tryLock } = await import(${modules} + "/file-lock.ts"); console.log(tryLock(process.env.LOCK) !== undefined); setInterval(() => {}, 1000)`;
    const holder = node(script, { LOCK: path });
    await new Promise((resolve) => holder.stdout?.once("data", resolve));
    expect(tryLock(path)).toBeUndefined();
    let hasWaited = false;
    const mine = lock(path, () => (hasWaited = true));
    holder.kill("SIGKILL");
    (await mine).release();
    expect(hasWaited).toBe(true);
    const again = tryLock(path);
    expect(again).toBeDefined();
    again?.release();
  });

  it("is not inherited by what we start", async () => {
    const path = join(temporaryFolder(), "lock");
    const held = tryLock(path);
    const child = spawn("sleep", ["60"]);
    held?.release();
    const next = tryLock(path);
    child.kill("SIGKILL");
    expect(next).toBeDefined();
    next?.release();
  });
});

describe("runTool", () => {
  it("gives back what was printed, takes input, and fails with the last lines", async () => {
    expect(await runTool("cat", [], { input: "text", life: "plain" })).toBe("text");
    const failure = await runTool("sh", ["-c", "seq 1 100; exit 2"], { life: "plain" }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ToolFailed);
    expect((failure as ToolFailed).lastLines).toEqual(Array.from({ length: 15 }, (_, index) => String(86 + index)));
  });

  it("says so when there is no such program", async () => {
    await expect(runTool("no-such-program", [], { life: "plain" })).rejects.toThrow(/could not be started/);
  });

  it.skipIf(process.getuid?.() !== 0)(
    "takes the tool and all it started along when we are killed, mounts too (needs root)",
    async () => {
      const folder = temporaryFolder();
      // A grandchild in a session of its own, and a mount: what mmdebstrap leaves when it is cut off.
      const tool = `mount -t tmpfs none ${folder} && setsid ${SLEEP} & wait; ${SLEEP}`;
      const script = `const { runTool } = await import(${modules} + "/run-tool.ts"); runTool("sh", ["-c", process.env.TOOL]); console.log(1)`;
      const setUp = node(script, { TOOL: tool });
      await waitFor(async () => (await sleepers()).length > 0, {
        timeoutMs: WAIT_MS,
        message: "the tool does not run",
      });
      setUp.kill("SIGKILL");
      await waitFor(async () => (await sleepers()).length === 0, { timeoutMs: WAIT_MS, message: "the tool lives on" });
      expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(folder);
    },
  );

  it.skipIf(process.getuid?.() !== 0)("holds no storage pool while a tool runs (needs root)", async () => {
    const dataDir = temporaryFolder();
    const log = { info: () => {}, warn: () => {} };
    const { kind } = await openPool({ dataDir, log, env: { PANDASTACK_POOL_GB: "0.5" } });
    const started = join(temporaryFolder(), "started");
    const tool = runTool("sh", [
      "-c",
      `grep -c " - xfs /dev/loop" /proc/self/mountinfo; touch "$1"; ${SLEEP}`,
      "sh",
      started,
    ]);
    const ended = tool.catch((error: unknown) => error);
    await waitFor(() => existsSync(started), { timeoutMs: WAIT_MS, message: "the tool does not run" });
    await closePool({ dataDir, log });
    await waitFor(async () => (await sleepers()).length > 0, { timeoutMs: WAIT_MS, message: "it does not sleep" });
    for (const pid of await sleepers()) process.kill(pid, "SIGKILL");
    await ended;
    expect(kind).toMatch(/loop|folder/);
  });

  it("lets a tool that must not be cut off finish after us", async () => {
    const file = join(temporaryFolder(), "done");
    const script = `const { runTool } = await import(${modules} + "/run-tool.ts"); runTool("sh", ["-c", "echo $$ > $OUT.pid; sleep 0.5; echo done > $OUT"], { life: "outlives-us" })`;
    const setUp = node(script, { OUT: file });
    await waitFor(() => existsSync(`${file}.pid`), { timeoutMs: WAIT_MS, message: "the tool does not run" });
    setUp.kill("SIGKILL");
    await waitFor(() => existsSync(file), { timeoutMs: WAIT_MS, message: "the tool did not finish" });
    const pid = Number(readFileSync(`${file}.pid`, "utf8"));
    await waitFor(() => processStat(pid) === undefined, { timeoutMs: WAIT_MS, message: "the tool does not end" });
  });
});
