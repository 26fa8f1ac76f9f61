import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** Long enough that a program that wakes up now and then is seen. */
const WATCHED_MS = 2_000;
/** Above this others were working, and figures say as much of them as of us. */
export const QUIET_BELOW_PERCENT = 10;

/** Share of all CPUs that is in use while nobody here does anything, in percent. */
export async function busyPercent(): Promise<number> {
  const before = cpuTimes();
  await delay(WATCHED_MS);
  const after = cpuTimes();
  return (100 * (after.busy - before.busy)) / (after.all - before.all);
}

export function describeLoad(when: string, percent: number): string {
  const load = loadavg()
    .map((value) => value.toFixed(2))
    .join(" ");
  const text = `${when}: others use ${percent.toFixed(0)} % of the CPUs, load ${load}\n`;
  if (percent < QUIET_BELOW_PERCENT) return text;
  return `${text}WARNING: this machine is not quiet; medians may be too high, and percentiles are mostly noise\n`;
}

/** First line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal in ticks. What the hypervisor stole counts as busy. */
function cpuTimes(): { busy: number; all: number } {
  const ticks = (readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "").split(/\s+/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, value) => sum + value, 0);
  return { busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0), all };
}
