import { crashPoint } from "@pandastack/platform";
import type { HostSandbox } from "@pandastack/contracts/host";
import type { Answering } from "../commit.ts";
import { requireEntry, type HostContext } from "../context.ts";
import { keepDisk } from "../disk.ts";
import { toHostSandbox } from "../record.ts";

/** In force on the disk before it is answered: what the guest has flushed is on the pool's disk from then on. */
export async function setPersistent(
  context: HostContext,
  command: { sandboxId: string; persistent: boolean },
  answering: Answering,
): Promise<HostSandbox> {
  const entry = requireEntry(context, command.sandboxId);
  const record = { ...entry.record, persistent: command.persistent };
  const machine = entry.state === "running" || entry.state === "paused" ? entry.machine : undefined;
  if (machine && record.persistent) {
    await machine.setDurable?.(true);
    keepDisk(context.layout, record, machine);
  }
  const result = answering([{ putSandbox: { id: record.id, record } }], toHostSandbox(record));
  crashPoint("host.configure.committed");
  entry.record = record;
  if (!record.persistent) await machine?.setDurable?.(false);
  return result;
}
