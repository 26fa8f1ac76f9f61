import { waitFor } from "@pandastack/platform";
import type { Box } from "../box.ts";

/** A process that counts in its own memory and writes each number, once, to a file in memory. */
export const COUNT_FILE = "/dev/shm/counted";
export const countingShell = `i=0; while :; do i=$((i + 1)); echo $i >> ${COUNT_FILE}; sleep 0.02; done`;

export async function startCounting(box: Box, command = countingShell): Promise<{ id: string; pid: number }> {
  const started = await box.background(command);
  await waitForCount(box, 3);
  return started;
}

/** Whole lines: where a number lies on the border of two pages, its end may not be there yet. */
export async function counted(box: Box): Promise<number[]> {
  const lines = (await box.read(COUNT_FILE)).toString().split("\n").slice(0, -1);
  return lines.filter(Boolean).map(Number);
}

export async function waitForCount(box: Box, least: number): Promise<number[]> {
  return waitFor(
    async () => {
      const numbers = await counted(box).catch(() => []);
      return (numbers.at(-1) ?? 0) >= least && numbers;
    },
    { timeoutMs: 30_000, intervalMs: 20, message: `the counting process of ${box.id} must reach ${least}` },
  );
}

/** Undefined when the numbers are 1, 2, 3, … without a gap or a repetition; else what is wrong. */
export function flawIn(numbers: readonly number[]): string | undefined {
  const at = numbers.findIndex((number, index) => number !== index + 1);
  return at < 0 ? undefined : `after ${numbers[at - 1] ?? 0} comes ${numbers[at]}`;
}
