import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Cgroups, MachineCgroup } from "../../cgroups/index.ts";
import { hostBootId } from "../../files/host-boot.ts";
import { isAlive, killProcess, processStat } from "../../processes/proc.ts";
import { waitFor, crashPoint } from "@pandastack/platform";
import type { MachinePlan, MachineRecord } from "../runtime.ts";
import type { MachineFiles } from "./machine-files.ts";
import { Qmp, connectWhenThere } from "./qmp.ts";

/** From spawn to the VMM's greeting: 35 ms on an idle machine; on one that is busy it may wait long for its turn. */
const START_TIMEOUT_MS = 20_000;
const EXIT_TIMEOUT_MS = 10_000;

/** A VMM process and the ways to talk to it. */
export interface Vmm {
  readonly record: MachineRecord;
  readonly files: MachineFiles;
  readonly qmp: Qmp;
  readonly cgroup: MachineCgroup;
}

/**
 * Starts the VMM in its cgroup and its jail, in a session of its own with an empty environment: it is nobody's child in any
 * way that matters, and goes on when this process dies. bwrap would wait beside it, as root, to pass on an exit code that
 * nobody asks for: it is ended as soon as the VMM is there.
 */
export async function startVmm(options: {
  plan: MachinePlan;
  files: MachineFiles;
  cgroup: MachineCgroup;
  command: (infoFd: number) => string[];
}): Promise<Vmm> {
  const { plan, files, cgroup } = options;
  const log = openSync(join(files.dir, "vmm.log"), "a", 0o600);
  const info = openSync(join(files.dir, "pid.json"), "w", 0o600);
  const [file, ...argv] = cgroup.joining(options.command(3));
  let exited: string | undefined;
  let jailer: ChildProcess;
  try {
    jailer = spawn(file!, argv, { stdio: ["ignore", log, log, info], detached: true, env: {}, cwd: "/" });
    jailer.once("error", (error) => (exited = error.message));
    jailer.once("exit", (code, signal) => (exited = `exit code ${code}, signal ${signal}`));
    jailer.unref();
    crashPoint("host.machine.spawned");
  } finally {
    closeSync(log);
    closeSync(info);
  }
  try {
    const qmp = await Qmp.connect(join(files.runDir, "qmp.sock"), {
      timeoutMs: START_TIMEOUT_MS,
      isDead: () => exited !== undefined,
    });
    crashPoint("host.machine.started");
    const pid = readVmmPid(files)!;
    const stat = processStat(pid);
    if (!stat) throw new Error(`the VMM is gone (${exited ?? "no process"})`);
    jailer.kill("SIGKILL");
    const record: MachineRecord = {
      runtime: "qemu",
      machineId: plan.machineId,
      slot: plan.slot,
      size: plan.size,
      pid,
      pidStartTime: stat.startTime,
      bootId: hostBootId(),
      state: {},
    };
    return { record, files, qmp, cgroup };
  } catch (error) {
    const pid = readVmmPid(files);
    if (pid !== undefined) killProcess(pid);
    throw new Error(`the VMM did not start: ${exited ?? ""} ${readLog(files)}`.trim(), { cause: error });
  }
}

/** The pid that the jailer wrote down; undefined when it had not come that far. */
export function readVmmPid(files: MachineFiles): number | undefined {
  try {
    return (JSON.parse(readFileSync(join(files.dir, "pid.json"), "utf8")) as { "child-pid": number })["child-pid"];
  } catch {
    return undefined;
  }
}

export function readLog(files: MachineFiles): string {
  try {
    return readFileSync(join(files.dir, "vmm.log"), "utf8").slice(-2000);
  } catch {
    return "";
  }
}

/** Finds a VMM that outlived the agent. Undefined when it is gone, or is of another boot of the host. */
export async function reconnectVmm(
  record: MachineRecord,
  files: MachineFiles,
  cgroups: Cgroups,
): Promise<Vmm | undefined> {
  if (record.bootId !== hostBootId() || !isAlive(record.pid, record.pidStartTime)) return undefined;
  const isDead = () => !isAlive(record.pid, record.pidStartTime);
  try {
    const qmp = await Qmp.connect(join(files.runDir, "qmp.sock"), { timeoutMs: START_TIMEOUT_MS, isDead });
    return { record, files, qmp, cgroup: cgroups.adopt(record) };
  } catch (error) {
    if (isDead()) return undefined;
    throw error;
  }
}

export function connectAgent(vmm: Vmm): Promise<Duplex> {
  return connectWhenThere(join(vmm.files.runDir, "agent.sock"), {
    timeoutMs: START_TIMEOUT_MS,
    isDead: () => vmm.qmp.isClosed,
  });
}

/** Ends the process at once and waits until it is gone. */
export async function killVmm(record: MachineRecord): Promise<void> {
  if (record.bootId !== hostBootId() || !isAlive(record.pid, record.pidStartTime)) return;
  killProcess(record.pid);
  await waitFor(() => !isAlive(record.pid, record.pidStartTime), {
    timeoutMs: EXIT_TIMEOUT_MS,
    intervalMs: 1,
    message: `the VMM ${record.pid} did not end after SIGKILL`,
  });
}
