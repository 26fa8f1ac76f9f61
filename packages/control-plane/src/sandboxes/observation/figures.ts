import type { SandboxRow } from "../../persistence/tables.ts";
import { Refusal } from "@pandastack/platform";
import type { SandboxParts } from "../parts.ts";

export interface Figures {
  readonly pid: number;
  readonly rssBytes: number;
  readonly cpuMs: number;
  readonly guest: Record<string, unknown> | null;
}

const NONE: Figures = { pid: 0, rssBytes: 0, cpuMs: 0, guest: null };

/** What a sandbox uses. Looking never wakes it: one that does not run uses nothing. */
export async function readFigures(parts: SandboxParts, row: SandboxRow): Promise<Figures> {
  if (row.status !== "running" && row.status !== "paused") return NONE;
  try {
    const { vmm, ...guest } = await parts.host.guest(row.id).metrics();
    return {
      pid: vmm.pid,
      rssBytes: Math.round(vmm.rss_bytes),
      cpuMs: vmm.cpu_ms,
      guest: row.status === "running" ? guest : null,
    };
  } catch (error) {
    if (error instanceof Refusal) return NONE;
    throw error;
  }
}
