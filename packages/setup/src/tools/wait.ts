import { setTimeout as delay } from "node:timers/promises";

/** Waits until `check` answers true. Set-up can't use the platform's: it runs before node_modules is there. */
export async function waitFor(
  check: () => boolean | Promise<boolean>,
  options: { timeoutMs: number; message: string; intervalMs?: number; signal?: AbortSignal },
): Promise<void> {
  const end = performance.now() + options.timeoutMs;
  while (!(await check())) {
    if (performance.now() >= end) throw new Error(`${options.message} (waited ${options.timeoutMs} ms)`);
    await delay(options.intervalMs ?? 10, undefined, { signal: options.signal });
  }
}
