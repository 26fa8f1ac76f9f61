import { readFileSync } from "node:fs";
import { allProcesses } from "./process-tree.ts";

/**
 * Megabytes by which one transfer may make one process grow, however large it is: windows of 256 KiB at each hop, and what the
 * collector lets lie of the pieces that have passed through, which it takes up again every 64 MB or so.
 */
export const TRANSFER_MEMORY_MB = 96;

const SAMPLED_EVERY_MS = 50;

export function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}

/** How far above where it began each process's resident memory rises, in megabytes. */
export function watchGrowth<K extends string>(pids: Record<K, number>): { stop(): Record<K, number> } {
  const names = Object.keys(pids) as K[];
  const began = Object.fromEntries(names.map((name) => [name, residentMb(pids[name])])) as Record<K, number>;
  const peak = { ...began };
  const sample = () => {
    for (const name of names) peak[name] = Math.max(peak[name], residentMb(pids[name]));
  };
  const timer = setInterval(sample, SAMPLED_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      sample();
      return Object.fromEntries(names.map((name) => [name, peak[name] - began[name]])) as Record<K, number>;
    },
  };
}

/** The two processes of a server that bytes of a file pass through. */
export function transferProcesses(dataDir: string): { "host agent": number; "control plane": number } {
  const all = allProcesses();
  const hostAgent = all.find(
    ({ pid, command }) => /host-agent\/src\/main\.ts/.test(command) && environment(pid).includes(dataDir),
  );
  const controlPlane = all.find(
    ({ parent, command }) => parent === hostAgent?.parent && /control-plane\/src\/main\.ts/.test(command),
  );
  if (hostAgent === undefined || controlPlane === undefined)
    throw new Error(`no host agent and control plane of the server in ${dataDir} are running`);
  return { "host agent": hostAgent.pid, "control plane": controlPlane.pid };
}

function environment(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8")
      .split("\0")
      .map((entry) => entry.replace(/^PANDASTACK_DATA_DIR=/, ""));
  } catch {
    // Ended while being read.
    return [];
  }
}
