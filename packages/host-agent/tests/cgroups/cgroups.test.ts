import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newHexId, waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type Cgroups, openCgroups } from "../../src/cgroups/index.ts";
import { claimServer, forgetServer } from "../../src/network/leases/servers.ts";

const folder = mkdtempSync(join(tmpdir(), "pandastack-cgroups-"));
const warnings: unknown[] = [];
const log = { info: () => {}, warn: (details: unknown) => void warnings.push(details) };
const serverId = `u${newHexId(3)}`;
/** The host's own: what a server is unknown here counts as abandoned. */
const RUN_DIR = "/run/pandastack";
const open = (id: string, mountinfo?: string): Promise<Cgroups> => {
  const here = mountinfo === undefined ? {} : { mountinfo };
  return openCgroups({ poolDir: folder, runDir: RUN_DIR, log, serverId: id, ...here });
};

const isRoot = process.getuid?.() === 0;
if (isRoot) claimServer(RUN_DIR, serverId, folder);
/** Asked of the kernel itself: where no limit can be set, there is nothing to test but that this is said. */
let usable: readonly string[] = [];
if (isRoot) {
  const tried = await open(serverId);
  usable = tried.status.controllers;
  await tried.close();
}

afterAll(() => {
  if (isRoot) forgetServer(RUN_DIR, serverId);
  rmSync(folder, { recursive: true, force: true });
});

test("without a tree that can be used, machines start as they are, and it is said once", async () => {
  warnings.length = 0;
  const mountinfo = "1 1 0:1 / /nowhere/at/all rw - cgroup cgroup rw,memory";
  const cgroups = await open(serverId, mountinfo);
  expect(cgroups.status.controllers).toEqual([]);
  expect(cgroups.status.reason).toMatch(/^cpu: no cgroup hierarchy with it is mounted; memory: \S+/);
  expect(warnings).toHaveLength(1);
  const cgroup = cgroups.make("aaaaaaaaaaaa", { cpus: 1, memoryMb: 64 });
  expect(cgroup.joining(["qemu", "-m", "64"])).toEqual(["qemu", "-m", "64"]);
  expect(cgroup.ranOutOfMemory()).toBe(false);
  await cgroup.remove();
  await cgroups.removeUnnamed(new Set());
  await cgroups.close();
});

describe.skipIf(!usable.includes("memory") || !usable.includes("pids"))("on this host", () => {
  let cgroups: Cgroups;
  let machineId: string;

  beforeAll(async () => {
    cgroups = await open(serverId);
  });
  beforeEach(() => {
    machineId = newHexId(6);
  });
  afterAll(async () => {
    await cgroups.close();
    expect(foldersOf(serverId)).toEqual([]);
  });

  const start = (command: string[], size = { cpus: 1, memoryMb: 64 }): ChildProcess => {
    const [file, ...argv] = cgroups.make(machineId, size).joining(command);
    const child = spawn(file!, argv, { stdio: "ignore", env: {} });
    onTestFinished(async () => {
      await cgroups.of(machineId).remove();
    });
    return child;
  };

  test("a program is in all of its cgroups before it runs", async () => {
    const out = join(folder, "seen");
    const child = start(["/bin/sh", "-c", `cat /proc/self/cgroup > ${out}`]);
    await once(child, "exit");
    const seen = readFileSync(out, "utf8");
    const joined = seen.split("\n").filter((line) => line.endsWith(`/pandastack_${serverId}/${machineId}`));
    expect(joined).toHaveLength(foldersOf(serverId).filter((path) => path.endsWith(machineId)).length);
    expect(joined.length).toBeGreaterThan(0);
  });

  test("one that needs more memory than it may have is ended, and the cgroup knows why", async () => {
    // `tail` keeps the only line of /dev/zero in memory until it ends.
    const child = start(["/usr/bin/tail", "/dev/zero"], { cpus: 2, memoryMb: 0 });
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    expect(signal).toBe("SIGKILL");
    expect(cgroups.of(machineId).ranOutOfMemory()).toBe(true);
  });

  test("one that was ended by someone else did not run out of memory", async () => {
    const child = start(["/bin/sleep", "100"]);
    await waitFor(() => commandOf(child.pid!) === "sleep", { timeoutMs: 5_000, message: "it did not start" });
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(cgroups.of(machineId).ranOutOfMemory()).toBe(false);
  });

  test("one that forks without end is refused at its limit and harms no one else", async () => {
    const out = join(folder, "forks");
    const many = `i=0; while [ $i -lt 400 ]; do sleep 100 & i=$((i+1)); done 2> ${out}`;
    const child = start(["/bin/sh", "-c", many]);
    await once(child, "exit");
    expect(readFileSync(out, "utf8")).toMatch(/fork/i);
    await once(spawn("/bin/true"), "exit");
    await cgroups.of(machineId).remove();
    expect(foldersOf(serverId).filter((path) => path.endsWith(machineId))).toEqual([]);
  });

  test("what no one names is removed with the processes in it; what is named stays", async () => {
    const stranger = start(["/bin/sleep", "100"]);
    const kept = newHexId(6);
    cgroups.make(kept, { cpus: 1, memoryMb: 64 });
    await waitFor(() => commandOf(stranger.pid!) === "sleep", { timeoutMs: 5_000, message: "it did not start" });
    const ended = once(stranger, "exit");
    await cgroups.removeUnnamed(new Set([kept]));
    await ended;
    expect(cgroups.of(machineId).exists).toBe(false);
    expect(cgroups.of(kept).exists).toBe(true);
    await cgroups.of(kept).remove();
    await cgroups.of(kept).remove();
  });

  test("a machine that was started without limits gets them when it is adopted", async () => {
    const child = spawn("/bin/sleep", ["100"], { stdio: "ignore" });
    const cgroup = cgroups.adopt({ machineId, size: { cpus: 1, memoryMb: 64 }, pid: child.pid! });
    expect(readFileSync(`/proc/${child.pid}/cgroup`, "utf8")).toContain(machineId);
    const ended = once(child, "exit");
    await cgroup.remove();
    await ended;
  });

  test("empty cgroups of a server that the host no longer knows go when another starts", async () => {
    const gone = `u${newHexId(3)}`;
    // Known for as long as it is needed: any host agent that starts meanwhile looks for such.
    claimServer(RUN_DIR, gone, folder);
    (await open(gone)).make(newHexId(6), { cpus: 1, memoryMb: 64 });
    expect(foldersOf(gone)).not.toEqual([]);
    forgetServer(RUN_DIR, gone);
    await open(serverId);
    expect(foldersOf(gone)).toEqual([]);
    expect(foldersOf(serverId)).not.toEqual([]);
  });
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

/** Every folder of a server, in all trees. */
function foldersOf(id: string): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4]!);
  return mounts.flatMap((mount) => {
    const path = join(mount, `pandastack_${id}`);
    if (!existsSync(path)) return [];
    const machines = readdirSync(path, { withFileTypes: true }).filter((one) => one.isDirectory());
    return [path, ...machines.map((one) => join(path, one.name))];
  });
}
