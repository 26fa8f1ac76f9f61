import { crashPoint } from "@pandastack/platform";
import type { HostSandbox } from "@pandastack/contracts/host";
import { hibernationDir } from "../../files/layout.ts";
import type { Answering } from "../commit.ts";
import { requireEntry, type HostContext } from "../context.ts";
import { toHostSandbox } from "../record.ts";
import { mayRun } from "../rules.ts";
import { takeImage } from "../take-image.ts";
import { settle } from "./pause.ts";

/**
 * The image is complete and on disk, then the journal says so, then the machine ends: killed between any two of these, the
 * sandbox is either still running or hibernated, with all of its memory.
 */
export async function hibernateSandbox(
  context: HostContext,
  sandboxId: string,
  answering: Answering,
): Promise<HostSandbox> {
  const entry = requireEntry(context, sandboxId);
  if (!mayRun("hibernate", entry.record)) return answering([], toHostSandbox(entry.record));
  using _room = await context.admission.reserve({ imageBytes: entry.machine.imageBytes(), mayUseReserve: true });
  try {
    await takeImage(context, entry, {
      target: hibernationDir(context.layout, sandboxId),
      resume: false,
      durable: true,
    });
  } catch (error) {
    if (entry.state === "running") await entry.machine.resume();
    throw error;
  }
  crashPoint("host.hibernate.taken");
  const result = settle(entry, { state: "hibernated", machine: null }, "sandbox.hibernated", answering);
  crashPoint("host.hibernate.committed");
  const machine = entry.leaveMachine()!;
  context.later("end the machine of a hibernated sandbox", async () => {
    await machine.stop();
    crashPoint("host.hibernate.stopped");
    await context.slots.release(machine.record.slot);
  });
  return result;
}
