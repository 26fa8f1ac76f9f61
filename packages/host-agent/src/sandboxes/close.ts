import type { HostContext } from "./context.ts";
import { settleDeath } from "./death.ts";
import type { SandboxEntry } from "./entry.ts";

/** Hibernations side by side: each writes a sandbox's changed memory to disk. */
const PARALLEL_HIBERNATIONS = 4;

/**
 * A stop: every sandbox that runs or is paused sleeps until it is used again. Where one's memory cannot be saved it ends, with its
 * disk written, and says so; a persistent one starts from that disk when it is used again.
 */
export async function closeSandboxes(
  context: HostContext,
  hibernate: (sandboxId: string) => Promise<void>,
): Promise<void> {
  const living = [...context.entries.values()].filter((entry) => entry.state === "running" || entry.state === "paused");
  const lane = async () => {
    for (let entry = living.shift(); entry; entry = living.shift()) {
      const { id } = entry.record;
      try {
        await hibernate(id);
      } catch (error) {
        context.log.error({ err: error, sandboxId: id }, "a sandbox could not be hibernated and ends");
        await flush(context, entry);
        const reason = "it could not be hibernated when the platform was stopped";
        const { record, change } = settleDeath(context.layout, entry.record, { reason, by: "agent" });
        context.commit([change]);
        entry.record = record;
        const machine = entry.leaveMachine();
        await machine?.stop();
        if (machine) await context.slots.release(machine.record.slot);
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_HIBERNATIONS }, lane));
}

async function flush(context: HostContext, entry: SandboxEntry): Promise<void> {
  if (entry.state !== "running") return;
  try {
    await (await entry.connectedGuest()).quiesce();
  } catch (error) {
    context.log.warn({ err: error, sandboxId: entry.record.id }, "it could not be asked to write all of its disk");
  }
}
