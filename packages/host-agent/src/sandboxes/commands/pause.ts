import type { HostSandbox } from "@pandastack/contracts/host";
import type { Answering } from "../commit.ts";
import { requireEntry, type HostContext } from "../context.ts";
import type { SandboxEntry } from "../entry.ts";
import { toHostSandbox, type SandboxRecord } from "../record.ts";
import { mayRun } from "../rules.ts";

export async function pauseSandbox(
  context: HostContext,
  sandboxId: string,
  answering: Answering,
): Promise<HostSandbox> {
  const entry = requireEntry(context, sandboxId);
  if (!mayRun("pause", entry.record)) return answering([], toHostSandbox(entry.record));
  const guest = await entry.connectedGuest();
  await guest.quiesce();
  try {
    await entry.machine.pause();
  } catch (error) {
    guest.connection.release();
    throw error;
  }
  return settle(entry, { state: "paused" }, "sandbox.paused", answering);
}

export async function resumeSandbox(
  context: HostContext,
  sandboxId: string,
  answering: Answering,
): Promise<HostSandbox> {
  const entry = requireEntry(context, sandboxId);
  if (!mayRun("resume", entry.record)) return answering([], toHostSandbox(entry.record));
  await entry.machine.resume();
  entry.openGuest?.resumed();
  return settle(entry, { state: "running" }, "sandbox.resumed", answering);
}

export function settle(
  entry: SandboxEntry,
  change: Partial<SandboxRecord>,
  event: string,
  answering: Answering,
): HostSandbox {
  const record = { ...entry.record, ...change };
  const result = answering(
    [{ putSandbox: { id: record.id, record }, event: { sandboxId: record.id, type: event, payload: {} } }],
    toHostSandbox(record),
  );
  entry.record = record;
  return result;
}
