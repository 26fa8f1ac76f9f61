import type { Box } from "./box.ts";
import { ORIGINS, type Origin } from "./target.ts";
import type { World } from "./world.ts";

export interface CaseContext {
  readonly box: Box;
  readonly world: World;
  readonly origin: Origin;
}

/**
 * One thing that must hold on every runtime. `shared` cases use one sandbox of their origin one after the other and clean up
 * inside it; `own` cases get one for themselves, and the host is looked over for leftovers afterwards.
 */
export interface Case {
  readonly area: string;
  readonly name: string;
  readonly sandbox: "shared" | "own";
  readonly origins: readonly Origin[];
  readonly timeoutMs: number;
  run(context: CaseContext): Promise<void>;
}

interface CaseOptions {
  /** Where the origin can't matter and the case costs seconds. */
  readonly origins?: readonly Origin[];
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 90_000;

/** Collects the cases of an area: `inside` for what happens in a sandbox, `alone` for what happens to one. */
export function area(name: string): {
  cases: Case[];
  inside: (name: string, run: (context: CaseContext) => Promise<void>, options?: CaseOptions) => void;
  alone: (name: string, run: (context: CaseContext) => Promise<void>, options?: CaseOptions) => void;
} {
  const cases: Case[] = [];
  const add =
    (sandbox: Case["sandbox"]) =>
    (title: string, run: (context: CaseContext) => Promise<void>, options: CaseOptions = {}): void => {
      cases.push({
        area: name,
        name: title,
        sandbox,
        origins: options.origins ?? ORIGINS,
        timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        run,
      });
    };
  return { cases, inside: add("shared"), alone: add("own") };
}
