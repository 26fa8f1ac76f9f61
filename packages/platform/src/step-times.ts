import { AsyncLocalStorage } from "node:async_hooks";

/** What a request spent its time on: the name of a step and how long it took, in milliseconds. */
export interface StepTime {
  readonly name: string;
  readonly ms: number;
  /** On the clock of `performance.now()`; of steps of this process only. */
  readonly endedAt?: number;
}

/** Steps kept of one request. One that goes on longer, such as a fork of many, tells its first ones. */
const MAX_STEPS = 32;

class StepTimes {
  readonly steps: StepTime[] = [];
  readonly began: number;
  #last: number;

  constructor(began: number) {
    this.began = began;
    this.#last = began;
  }

  mark(name: string): void {
    const now = performance.now();
    this.add({ name, ms: now - this.#last, endedAt: now });
    this.#last = now;
  }

  add(step: StepTime): void {
    if (this.steps.length < MAX_STEPS) this.steps.push(step);
  }
}

const current = new AsyncLocalStorage<StepTimes>();

/**
 * Does the work of one request and notes what `markStep` says meanwhile, wherever it is said. `alreadyMs`: how long the request
 * has been here before. Answers with the steps, and `total` as the last of them.
 */
export async function withStepTimes<T>(
  work: () => Promise<T>,
  alreadyMs = 0,
): Promise<{ result: T; steps: readonly StepTime[] }> {
  const times = new StepTimes(performance.now() - alreadyMs);
  const result = await current.run(times, work);
  return { result, steps: [...times.steps, { name: "total", ms: performance.now() - times.began }] };
}

/** What has been done since the last mark was this. Costs a reading of the clock; nothing where nobody asked. */
export function markStep(name: string): void {
  current.getStore()?.mark(name);
}

/** Steps of another process that this request waited for, under a name of their own. */
export function addStepTimes(prefix: string, header: string | undefined): void {
  const times = current.getStore();
  if (times === undefined || header === undefined) return;
  for (const { name, ms } of parseServerTiming(header)) times.add({ name: `${prefix}.${name}`, ms });
}

/** Value of a `Server-Timing` header: https://www.w3.org/TR/server-timing/ */
export function serverTiming(steps: readonly StepTime[]): string {
  return steps.map(({ name, ms }) => `${name};dur=${ms.toFixed(2)}`).join(", ");
}

/** Entries without a duration are passed over. */
export function parseServerTiming(header: string): StepTime[] {
  return header.split(",").flatMap((entry) => {
    const match = /^\s*([\w.-]+)\s*;\s*dur=([\d.]+)\s*$/.exec(entry);
    return match?.[1] === undefined ? [] : [{ name: match[1], ms: Number(match[2]) }];
  });
}
