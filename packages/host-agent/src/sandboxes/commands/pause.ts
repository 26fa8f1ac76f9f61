import { crashPoint } from "@pandastack/platform";
import type { HostSandbox } from "@pandastack/contracts/host";
import type { Answering } from "../commit.ts";
import { requireEntry, type HostContext } from "../context.ts";
import type { SandboxEntry } from "../entry.ts";
import { toHostSandbox, type SandboxRecord } from "../record.ts";
import { fallSilent, speakAgain } from "../quiet.ts";
import { mayRun } from "../rules.ts";

export async function pauseSandbox(
  context: HostContext,
  sandboxId: string,
  answering: Answering,
): Promise<HostSandbox> {
  const entry = requireEntry(context, sandboxId);
  if (!mayRun("pause", entry.record)) return answering([], toHostSandbox(entry.record));
  await fallSilent(entry);
  crashPoint("host.pause.quiet");
  try {
    await entry.machine.pause();
    crashPoint("host.pause.stopped");
    const result = settle(entry, { state: "paused" }, "sandbox.paused", answering);
    crashPoint("host.pause.committed");
    return result;
  } catch (error) {
    await goOn(context, entry);
    throw error;
  }
}

/** What was to be stopped runs after all: it could not be, or the journal could not hear of it. One that has died meanwhile is dead. */
export async function goOn(context: HostContext, entry: SandboxEntry): Promise<void> {
  await entry.machine
    .resume()
    .catch((error: unknown) => context.log.error({ err: error, sandboxId: entry.record.id }, "could not resume"));
  await speakAgain(entry);
}

export async function resumeSandbox(
  context: HostContext,
  sandboxId: string,
  answering: Answering,
): Promise<HostSandbox> {
  const entry = requireEntry(context, sandboxId);
  if (!mayRun("resume", entry.record)) return answering([], toHostSandbox(entry.record));
  // Journal first: recovery resumes what is to run. The other way round it would run, for ever, as paused.
  const paused = entry.record;
  const result = settle(entry, { state: "running" }, "sandbox.resumed", answering);
  crashPoint("host.resume.committed");
  try {
    await entry.machine.resume();
  } catch (error) {
    settleAgain(context, entry, paused);
    throw error;
  }
  crashPoint("host.resume.resumed");
  await speakAgain(entry);
  return result;
}

/** It did not come to pass after all. A machine that has died meanwhile is a failed sandbox already, and stays one. */
function settleAgain(context: HostContext, entry: SandboxEntry, before: SandboxRecord): void {
  if (entry.state !== "running") return;
  const { id } = before;
  context.commit([
    { putSandbox: { id, record: before }, event: { sandboxId: id, type: "sandbox.paused", payload: {} } },
  ]);
  entry.record = before;
}

export function settle(
  entry: SandboxEntry,
  change: Partial<SandboxRecord>,
  event: string,
  answering: Answering,
  payload: Record<string, unknown> = {},
): HostSandbox {
  const record = { ...entry.record, ...change };
  const result = answering(
    [{ putSandbox: { id: record.id, record }, event: { sandboxId: record.id, type: event, payload } }],
    toHostSandbox(record),
  );
  entry.record = record;
  return result;
}
