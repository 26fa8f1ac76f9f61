import { waitFor } from "@pandastack/platform";
import { allProcesses } from "../../e2e/support/process-tree.ts";
import { read } from "./belongings/look.ts";
import type { JournalMachine } from "./records.ts";
import { killAndWait, type CrashServer } from "./server.ts";

/** How long there may be none to be killed: then the round has had no fault. */
const SEEN_TIMEOUT_MS = 400;

/** Processes of a machine each of which is its death: the VMM or the sentry, and what serves a sentry its files. */
export function vitalProcesses(server: CrashServer, { machineId, pid }: JournalMachine): number[] {
  const gofers = allProcesses().filter(
    (one) =>
      one.command.startsWith("runsc-gofer ") && read(`/proc/${one.pid}/cgroup`).includes(`${server.id}/${machineId}\n`),
  );
  return [pid, ...gofers.map((one) => one.pid)];
}

/** What commands gVisor's machines: a `runsc` that makes or starts one, and the process that stays and makes calls to those that are there. */
export const COMMANDERS = [/\/runsc --root /, /\/pandastack-call /];

/** Ends the first of this server's that is seen. */
export async function killCommand(server: CrashServer, program: RegExp): Promise<void> {
  const pid = await waitFor(
    () => allProcesses().find(({ command }) => program.test(command) && command.includes(` ${server.runDir}/m`))?.pid,
    { timeoutMs: SEEN_TIMEOUT_MS, intervalMs: 1, message: "none" },
  ).catch(() => undefined);
  await killAndWait(pid);
}
