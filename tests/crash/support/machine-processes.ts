import { waitFor } from "@pandastack/platform";
import { allProcesses } from "../../e2e/support/process-tree.ts";
import { read } from "./belongings/look.ts";
import type { Random } from "./random.ts";
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

/** Ends whatever `runsc` of this server is at work first: it makes, restores, stops or writes down a machine. Or what makes calls for all. */
export async function killCommand(server: CrashServer, random: Random): Promise<void> {
  const caller = allProcesses().find(({ command }) => command.endsWith(` ${server.runDir}/m`));
  if (caller && random.chance(0.5)) return killAndWait(caller.pid);
  const pid = await waitFor(
    () =>
      allProcesses().find(
        ({ command }) => /\/runsc --root /.test(command) && command.includes(`--root ${server.runDir}/m/`),
      )?.pid,
    { timeoutMs: SEEN_TIMEOUT_MS, intervalMs: 1, message: "none" },
  ).catch(() => undefined);
  await killAndWait(pid);
}
