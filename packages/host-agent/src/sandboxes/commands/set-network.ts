import { crashPoint } from "@pandastack/platform";
import type { HostNetwork, HostSandbox } from "@pandastack/contracts/host";
import type { Answering } from "../commit.ts";
import { requireEntry, type HostContext } from "../context.ts";
import { toHostSandbox, type SandboxRecord } from "../record.ts";

/**
 * Changes what a sandbox may reach. Journal first: killed between the two, the next start finds what is wanted and puts the
 * rules right. Whoever is answered can rely on it: the rules are in the kernel, and connections that they do not allow are over.
 */
export async function setNetwork(
  context: HostContext,
  command: { sandboxId: string; network: HostNetwork },
  answering: Answering,
): Promise<HostSandbox> {
  const entry = requireEntry(context, command.sandboxId);
  const before = entry.record;
  const record: SandboxRecord = { ...before, network: command.network };
  const { id, machine } = record;
  if (machine) {
    context.commit([{ putSandbox: { id, record } }]);
    entry.record = record;
    crashPoint("host.network.committed");
    try {
      await context.slots.configure(machine.slot, command.network);
    } catch (error) {
      // Its machine may have died meanwhile: then the record is another one by now, and the policy in it is for its next life.
      if (entry.record === record) {
        context.commit([{ putSandbox: { id, record: before } }]);
        entry.record = before;
      }
      throw error;
    }
  }
  const result = answering(
    [
      {
        putSandbox: { id, record },
        event: { sandboxId: id, type: "network.changed", payload: { ...command.network } },
      },
    ],
    toHostSandbox(record),
  );
  crashPoint("host.network.answered");
  entry.record = record;
  return result;
}
