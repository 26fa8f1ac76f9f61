import { rmSync } from "node:fs";
import type { HostCommand, HostSandbox } from "@pandastack/contracts/host";
import { Refusal, crashPoint } from "@pandastack/platform";
import { hibernationDir } from "../../files/layout.ts";
import type { Answering } from "../commit.ts";
import { requireEntry, type HostContext } from "../context.ts";
import type { SandboxEntry } from "../entry.ts";
import { toHostSandbox } from "../record.ts";
import { mayRun } from "../rules.ts";
import { takeImage } from "../take-image.ts";
import { goOn, settle } from "./pause.ts";

export interface HibernateOptions extends Omit<HostCommand & { name: "hibernateSandbox" }, "name" | "cause"> {
  readonly cause?: "idle" | "memory_pressure" | "shutdown" | undefined;
}

/**
 * The image is complete and on disk, then the journal says so, then the machine ends: killed between any two of these, the
 * sandbox is either still running or hibernated, with all of its memory. Whoever wants something of its guest meanwhile waits
 * and then hears that it is hibernated: nothing was begun, so waking it and asking again is safe.
 */
export async function hibernateSandbox(
  context: HostContext,
  options: HibernateOptions,
  answering: Answering,
): Promise<HostSandbox> {
  const entry = requireEntry(context, options.sandboxId);
  if (!mayRun("hibernate", entry.record)) return letSleep(entry, answering);
  if (options.ifQuietForMs !== undefined) requireQuiet(context, entry, options.ifQuietForMs);
  return entry.whileShut(() => hibernate(context, entry, options, answering));
}

/** From here to the shutting nothing else runs. */
function requireQuiet(context: HostContext, entry: SandboxEntry, ifQuietForMs: number): void {
  const { isOpen, quietMs } = context.traffic.use(entry);
  if (!isOpen && (quietMs ?? Infinity) >= ifQuietForMs) return;
  throw new Refusal("sandbox.in_use", `sandbox ${entry.record.id} is in use`);
}

async function hibernate(
  context: HostContext,
  entry: SandboxEntry,
  { sandboxId, cause }: HibernateOptions,
  answering: Answering,
): Promise<HostSandbox> {
  using _room = await context.admission.reserve({ imageBytes: entry.machine.imageBytes(), mayUseReserve: true });
  let result: HostSandbox;
  try {
    await takeImage(context, entry, {
      target: hibernationDir(context.layout, sandboxId),
      resume: false,
      durable: true,
    });
    crashPoint("host.hibernate.taken");
    const change = { state: "hibernated", machine: null } as const;
    result = settle(entry, change, "sandbox.hibernated", answering, cause && { cause });
  } catch (error) {
    rmSync(hibernationDir(context.layout, sandboxId), { recursive: true, force: true });
    if (entry.state === "running") await goOn(context, entry);
    throw error;
  }
  crashPoint("host.hibernate.committed");
  const machine = entry.leaveMachine()!;
  context.later("end the machine of a hibernated sandbox", async () => {
    await machine.stop();
    crashPoint("host.hibernate.stopped");
    await context.slots.release(machine.record.slot);
  });
  return result;
}

/** It sleeps already. One whose machine has died was to be started again, and is now wanted asleep. */
function letSleep(entry: SandboxEntry, answering: Answering): HostSandbox {
  const { restartDue, ...record } = entry.record;
  if (!restartDue) return answering([], toHostSandbox(record));
  const result = answering([{ putSandbox: { id: record.id, record } }], toHostSandbox(record));
  entry.record = record;
  return result;
}
