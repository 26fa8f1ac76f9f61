import type { HostContext } from "./context.ts";

/** Hibernations side by side: each writes a sandbox's changed memory to disk. */
const PARALLEL_HIBERNATIONS = 4;

/** A stop: every sandbox that runs or is paused sleeps until it is used again. One that cannot be saved ends, and says so. */
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
        const reason = "it could not be hibernated when the platform was stopped";
        const record = { ...entry.record, state: "failed" as const, reason, machine: null };
        context.commit([
          { putSandbox: { id, record }, event: { sandboxId: id, type: "vm.died", payload: { reason } } },
        ]);
        entry.record = record;
        const machine = entry.leaveMachine();
        await machine?.stop();
        if (machine) await context.slots.release(machine.record.slot);
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_HIBERNATIONS }, lane));
}
