import { existsSync } from "node:fs";
import type { HostSandboxState } from "@pandastack/contracts/host";
import { sandboxDisk, type HostLayout } from "../files/layout.ts";
import type { Change } from "../journal/journal.ts";
import type { SandboxRecord } from "./record.ts";

/** Machines of one sandbox that may die one after the other, each within `GOOD_LIFE_MS`. Then it has failed. */
export const DEATHS_LIMIT = 5;
/** A machine that has lived this long is no sign of a sandbox that cannot live. */
export const GOOD_LIFE_MS = 60_000;
/** Before the second restart in a row; doubled for each one after it. The first one is at once. */
const FIRST_PAUSE_MS = 1_000;

export const HOST_RESTARTED = "the host was restarted";
export const FOLDER_COPIED = "the data folder was copied, or moved to another file system, while its machine ran";

/** What a machine that was lost so had flushed may have been in memory alone, unless its sandbox was persistent. */
export const isDiskLost = ({ state, reason }: Pick<SandboxRecord, "state" | "reason">): boolean =>
  state === "failed" && (reason === HOST_RESTARTED || reason === FOLDER_COPIED);

export interface Death {
  readonly reason: string;
  /** `agent`: the host agent ended it, in a stop. `host`: it is of another boot of the host, or of another host. */
  readonly by: "itself" | "agent" | "host";
  /** How long it had lived; undefined where nobody saw it. */
  readonly livedMs?: number;
  /** What else the event says. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What becomes of a sandbox of this host whose machine is gone. */
export const settleDeath = (layout: HostLayout, record: SandboxRecord, death: Death) =>
  afterDeath(record, death, existsSync(sandboxDisk(layout, record.id)));

/**
 * What becomes of a sandbox whose machine is gone, with its memory. A persistent one that has a disk sleeps without memory: its next use starts
 * it from its disk, and so does the host by itself where the machine died by itself. The others have failed.
 *
 *                 persistent, with a disk           else
 *     itself      hibernated, restarted             failed
 *     agent       hibernated                        failed
 *     host        hibernated                        failed, without a disk: what it had flushed went to memory
 */
export function afterDeath(
  record: SandboxRecord,
  death: Death,
  hasDisk: boolean,
): { record: SandboxRecord; change: Change } {
  const { deaths: before = 0, restartDue: _due, ...rest } = record;
  const { reason, by, livedMs = 0, details = {} } = death;
  const end = (state: HostSandboxState, more: Partial<SandboxRecord>, type: string) => {
    const after: SandboxRecord = { ...rest, state, reason, machine: null, ...more };
    const payload = { reason: after.reason, ...details, restart: after.restartDue === true };
    return {
      record: after,
      change: { putSandbox: { id: record.id, record: after }, event: { sandboxId: record.id, type, payload } },
    };
  };
  if (!record.persistent || !hasDisk) return end("failed", {}, "vm.died");
  if (by === "host") return end("hibernated", {}, "recover.hibernated");
  if (by === "agent") return end("hibernated", {}, "vm.died");
  const deaths = livedMs >= GOOD_LIFE_MS ? 1 : before + 1;
  if (deaths < DEATHS_LIMIT) return end("hibernated", { deaths, restartDue: true }, "vm.died");
  const often = `${reason}, as the ${DEATHS_LIMIT - 1} before it, each within ${GOOD_LIFE_MS / 1000} s; wake it to start it from its disk`;
  return end("failed", { reason: often }, "vm.died");
}

/** How long a sandbox whose machines die one after the other waits for its next. */
export const pauseBeforeRestartMs = (deaths: number): number => (deaths <= 1 ? 0 : FIRST_PAUSE_MS * 2 ** (deaths - 2));
