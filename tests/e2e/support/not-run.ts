import { it } from "vitest";

type Case = (name: string, run: () => Promise<void>, timeoutMs?: number) => void;

/** `it` where the case can run here; otherwise it is reported as not run, with the reason. */
export function itWhen(canRun: boolean, reason: string): Case {
  if (canRun) return (name, run, timeoutMs) => it(name, run, timeoutMs);
  return (name, run) => it.skipIf(true)(`${name} (not run: ${reason})`, run);
}
