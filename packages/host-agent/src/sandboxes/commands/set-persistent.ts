import { crashPoint } from "@pandastack/platform";
import type { HostSandbox } from "@pandastack/contracts/host";
import type { Answering } from "../commit.ts";
import { requireEntry, type HostContext } from "../context.ts";
import { toHostSandbox } from "../record.ts";

/** Takes effect on the machine's disk from the next wake on: flushes reach the pool's disk then. */
export function setPersistent(
  context: HostContext,
  command: { sandboxId: string; persistent: boolean },
  answering: Answering,
): Promise<HostSandbox> {
  const entry = requireEntry(context, command.sandboxId);
  const record = { ...entry.record, persistent: command.persistent };
  const result = answering([{ putSandbox: { id: record.id, record } }], toHostSandbox(record));
  crashPoint("host.configure.committed");
  entry.record = record;
  return Promise.resolve(result);
}
