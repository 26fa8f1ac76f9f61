import { setTimeout as delay } from "node:timers/promises";

/** Waits until `check` answers something other than undefined or false; throws `message` when `timeoutMs` is over. */
export async function waitFor<T>(
  check: () => T | undefined | false | Promise<T | undefined | false>,
  options: { timeoutMs: number; message: string; intervalMs?: number },
): Promise<T> {
  const end = performance.now() + options.timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= end) throw new Error(`${options.message} (waited ${options.timeoutMs} ms)`);
    await delay(options.intervalMs ?? 5);
  }
}

/** The promise's value, or a rejection with `message` after `timeoutMs`. The work itself goes on. */
export async function withTimeout<T>(promise: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${message} (waited ${timeoutMs} ms)`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
