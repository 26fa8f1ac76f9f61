import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { HostNetwork } from "@pandastack/contracts/host";
import { crashPoint, waitFor } from "@pandastack/platform";
import { hibernationDir, sandboxDisk, snapshotDir, volumeName, volumesDir } from "../files/layout.ts";
import { hostBootId } from "../files/host-boot.ts";
import { killProcess, processesOfUsers } from "../processes/proc.ts";
import type { NetworkSlot } from "../network/slot.ts";
import type { Machine, MachineRecord } from "../runtimes/runtime.ts";
import { hibernateSandbox } from "./commands/hibernate.ts";
import { checkVolumeFiles } from "./commands/volumes.ts";
import { asStep } from "./commit.ts";
import type { HostContext, SnapshotRecord } from "./context.ts";
import { settleDeath, FOLDER_COPIED, HOST_RESTARTED, isDiskLost, type Death } from "./death.ts";
import { keepDisk } from "./disk.ts";
import { SandboxEntry } from "./entry.ts";
import { networkOf, OUT_OF_MEMORY, type SandboxRecord } from "./record.ts";
import type { VolumeRecord } from "./volumes/registry.ts";

const STRANGERS_TIMEOUT_MS = 10_000;

/**
 * Takes up what a former agent left: machines that live are adopted, of sandboxes whose machine is gone `settleDeath` says what
 * becomes, and whatever the journal does not name is removed. After a restart of the host no machine lives. No input but the
 * journal and what is there; safe to be killed and repeated.
 */
export async function recover(context: HostContext): Promise<void> {
  for (const snapshot of context.journal.snapshots<SnapshotRecord>()) context.snapshots.set(snapshot.id, snapshot);
  for (const volume of context.journal.volumes<VolumeRecord>()) context.volumes.records.set(volume.id, volume);
  const records = context.journal.sandboxes<SandboxRecord>();
  const living = await Promise.all(records.map((record) => recoverSandbox(context, record)));
  const kept = living.filter((machine) => machine !== undefined);
  crashPoint("host.recovery.adopted");
  await killStrangers(context, kept);
  crashPoint("host.recovery.strangers-killed");
  for (const { runtime } of context.runtimes.all)
    await runtime.removeUnnamed?.(new Set(kept.map((machine) => machine.machineId)));
  const broken = new Set(await context.slots.adopt(slotsInUse(context)));
  crashPoint("host.recovery.slots-adopted");
  removeUnnamed(join(context.layout.poolDir, "machines"), new Set(kept.map((machine) => machine.machineId)));
  crashPoint("host.recovery.machines-removed");
  removeUnnamed(join(context.layout.runDir, "m"), new Set(kept.map((machine) => machine.machineId)));
  removeUnnamed(join(context.layout.poolDir, "sandboxes"), new Set(records.map((record) => record.id)));
  removeUnnamed(join(snapshotDir(context.layout, "x"), ".."), new Set(context.snapshots.keys()));
  removeUnnamed(volumesDir(context.layout), new Set([...context.volumes.records.keys()].map(volumeName)));
  checkVolumeFiles(context);
  removeUnnamed(join(context.layout.poolDir, "scratch"), new Set());
  for (const entry of context.entries.values()) tidyFolder(context, entry);
  context.journal.settle();
  crashPoint("host.recovery.finished");
  for (const entry of context.entries.values()) {
    const slot = entry.record.machine?.slot;
    if (slot !== undefined && broken.has(slot.number)) await putAside(context, entry);
  }
}

/** What is wanted of the slots of living machines: their rules are compared with it. */
function slotsInUse(context: HostContext): { slot: NetworkSlot; network: HostNetwork }[] {
  return [...context.entries.values()].flatMap(({ record }) =>
    record.machine ? [{ slot: record.machine.slot, network: networkOf(record) }] : [],
  );
}

/**
 * A wake or a hibernation that was cut short leaves a disk under no name of the sandbox's own, or an image of no use. So does a
 * restart of the host of a sandbox that was not persistent: much of what it had written was in memory, so it is of no use.
 */
function tidyFolder(context: HostContext, entry: SandboxEntry): void {
  const { id, state, machine } = entry.record;
  try {
    if (machine) keepDisk(context.layout, entry.record, entry.machine);
  } catch (error) {
    context.log.error({ err: error, sandboxId: id }, "an adopted sandbox's disk has no name of its own");
  }
  if (state !== "hibernated") rmSync(hibernationDir(context.layout, id), { recursive: true, force: true });
  if (isDiskLost(entry.record)) rmSync(sandboxDisk(context.layout, id), { force: true });
}

/**
 * Its slot has lost a part, and a tap cannot be given back to a machine that runs. Hibernated, it has all of its memory, and
 * the next use wakes it in a slot that is whole.
 */
async function putAside(context: HostContext, entry: SandboxEntry): Promise<void> {
  const { id } = entry.record;
  context.log.error(
    { sandboxId: id },
    "an adopted sandbox has lost its network and is hibernated; use wakes it with a new one",
  );
  try {
    await hibernateSandbox(context, { sandboxId: id }, asStep(context.commit));
  } catch (error) {
    context.log.error({ err: error, sandboxId: id }, "it could not be hibernated and goes on without a network");
  }
}

/** Answers the machine that goes on living. */
async function recoverSandbox(context: HostContext, record: SandboxRecord): Promise<MachineRecord | undefined> {
  if (!record.machine) {
    context.entries.set(record.id, new SandboxEntry(record));
    return undefined;
  }
  const machine = await findMachine(context, record.machine);
  if ("reason" in machine) {
    const after = settleDeath(context.layout, record, machine);
    context.commit([after.change]);
    crashPoint("host.recovery.failed-one");
    context.entries.set(record.id, new SandboxEntry(after.record));
    return undefined;
  }
  // A snapshot or a hibernation that was cut short has left it stopped. If it dies at this moment, `watch` takes notice.
  if (record.state === "running")
    await machine
      .resume()
      .catch((error: unknown) => context.log.error({ err: error, sandboxId: record.id }, "could not resume"));
  const entry = new SandboxEntry(record, { machine });
  context.entries.set(record.id, entry);
  context.watch(entry, machine);
  crashPoint("host.recovery.adopted-one");
  context.log.info({ sandboxId: record.id, pid: record.machine.pid }, "adopted a living sandbox");
  return record.machine;
}

/** One that lives and cannot be driven is of no use, and must not keep the host agent from serving all others. */
async function findMachine(context: HostContext, record: MachineRecord): Promise<Machine | Death> {
  const runtime = context.runtimes.find(record.runtime)?.runtime;
  // Whatever has those pids is another server's, which goes on with the original.
  if (context.journal.isCopy && record.bootId === hostBootId()) return { reason: FOLDER_COPIED, by: "host" };
  // Its processes are strangers then, and end with those.
  if (!runtime) return { reason: `its runtime, "${record.runtime}", is not on this host any more`, by: "agent" };
  if (record.bootId !== hostBootId()) {
    await runtime.destroy(record);
    return { reason: HOST_RESTARTED, by: "host" };
  }
  try {
    const machine = await runtime.adopt(record);
    if (machine) return machine;
    const ranOutOfMemory = runtime.ranOutOfMemory?.(record) === true;
    const reason = ranOutOfMemory ? OUT_OF_MEMORY : "its machine ended while the host agent was away";
    return { reason, by: "itself" };
  } catch (error) {
    context.log.error({ err: error, pid: record.pid }, "a living machine cannot be driven and is ended");
    await runtime.destroy(record);
    return { reason: "its machine did not answer any more", by: "itself" };
  }
}

/**
 * VMMs that no sandbox has: of commands that were cut short, and those started ahead. Only in slots that this server holds at
 * this moment: a number that it had once may be another server's by now, with its user and its machines. None lives on return:
 * the disks and volumes that they had are used again.
 */
async function killStrangers(context: HostContext, kept: readonly MachineRecord[]): Promise<void> {
  // All of a slot's processes are its one machine's: a gVisor machine has many, of which some are nobody's children.
  const spared = new Set(kept.map(({ slot }) => slot.uid));
  const uids = new Set(context.slots.heldUids().filter((uid) => !spared.has(uid)));
  const strangers = () => processesOfUsers(uids);
  for (const pid of strangers()) {
    context.log.warn({ pid }, "ending a machine that belongs to no sandbox");
    killProcess(pid);
  }
  const message = "machines that belong to no sandbox do not end";
  await waitFor(() => strangers().length === 0, { timeoutMs: STRANGERS_TIMEOUT_MS, message });
}

function removeUnnamed(dir: string, named: ReadonlySet<string>): void {
  mkdirSync(dir, { recursive: true, mode: 0o711 });
  for (const name of readdirSync(dir)) {
    if (!named.has(name)) rmSync(join(dir, name), { recursive: true, force: true });
  }
}
