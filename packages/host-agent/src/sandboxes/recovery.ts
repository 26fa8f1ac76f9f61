import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { snapshotDir } from "../files/layout.ts";
import { killProcess, processesOfUsers } from "../processes/proc.ts";
import type { MachineRecord } from "../runtimes/runtime.ts";
import type { HostContext, SnapshotRecord } from "./context.ts";
import { SandboxEntry } from "./entry.ts";
import type { SandboxRecord } from "./record.ts";

/**
 * Takes up what a former agent left: machines that live are adopted, sandboxes whose machine is gone have failed, and
 * whatever the journal does not name is removed. No input but the journal and what is there; safe to be killed and repeated.
 */
export async function recover(context: HostContext): Promise<void> {
  for (const snapshot of context.journal.snapshots<SnapshotRecord>()) context.snapshots.set(snapshot.id, snapshot);
  const records = context.journal.sandboxes<SandboxRecord>();
  const living = await Promise.all(records.map((record) => recoverSandbox(context, record)));
  const kept = living.filter((machine) => machine !== undefined);
  killStrangers(context, kept);
  const broken = await context.slots.adopt(kept.map((machine) => machine.slot));
  for (const number of broken)
    context.log.error({ slot: number }, "an adopted sandbox has lost its network; hibernate and wake it");
  removeUnnamed(join(context.layout.poolDir, "machines"), new Set(kept.map((machine) => machine.machineId)));
  removeUnnamed(join(context.layout.runDir, "m"), new Set(kept.map((machine) => machine.machineId)));
  removeUnnamed(join(context.layout.poolDir, "sandboxes"), new Set(records.map((record) => record.id)));
  removeUnnamed(join(snapshotDir(context.layout, "x"), ".."), new Set(context.snapshots.keys()));
  removeUnnamed(join(context.layout.poolDir, "scratch"), new Set());
}

/** Answers the machine that goes on living. */
async function recoverSandbox(context: HostContext, record: SandboxRecord): Promise<MachineRecord | undefined> {
  if (!record.machine) {
    context.entries.set(record.id, new SandboxEntry(record));
    return undefined;
  }
  const machine = await context.runtime.adopt(record.machine);
  if (!machine) {
    const reason = "its machine ended while the host agent was away";
    const failed: SandboxRecord = { ...record, state: "failed", reason, machine: null };
    context.commit([
      {
        putSandbox: { id: record.id, record: failed },
        event: { sandboxId: record.id, type: "vm.died", payload: { reason } },
      },
    ]);
    context.entries.set(record.id, new SandboxEntry(failed));
    return undefined;
  }
  // A snapshot or a hibernation that was cut short has left it stopped.
  if (record.state === "running") await machine.resume();
  const entry = new SandboxEntry(record, { machine });
  context.entries.set(record.id, entry);
  context.watch(entry, machine);
  context.log.info({ sandboxId: record.id, pid: record.machine.pid }, "adopted a living sandbox");
  return record.machine;
}

/**
 * VMMs that no sandbox has: of commands that were cut short, and those started ahead. Only in slots that this server holds at
 * this moment: a number that it had once may be another server's by now, with its user and its machines.
 */
function killStrangers(context: HostContext, kept: readonly MachineRecord[]): void {
  const spared = new Set(kept.map((machine) => machine.pid));
  for (const pid of processesOfUsers(new Set(context.slots.heldUids()))) {
    if (spared.has(pid)) continue;
    context.log.warn({ pid }, "ending a machine that belongs to no sandbox");
    killProcess(pid);
  }
}

function removeUnnamed(dir: string, named: ReadonlySet<string>): void {
  mkdirSync(dir, { recursive: true, mode: 0o711 });
  for (const name of readdirSync(dir)) {
    if (!named.has(name)) rmSync(join(dir, name), { recursive: true, force: true });
  }
}
