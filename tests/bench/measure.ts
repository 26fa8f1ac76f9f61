import type { RunningServer } from "../e2e/support/start-server.ts";
import type { BenchClient } from "./bench-client.ts";
import type { Row } from "./stats.ts";

/** What measures are made with. */
export interface Bench {
  readonly client: BenchClient;
  readonly quick: boolean;
  /** What sandboxes run on that ask for nothing else. */
  readonly runtime: string;
  /** The bench's own server; undefined for one that was there before. */
  readonly server: RunningServer | undefined;
}

/** One thing that is measured again and again. `round` is called once uncounted, to warm up, before it counts. */
export interface Measure {
  readonly rounds: number;
  /** What the rounds need. */
  prepare?(): Promise<void>;
  /** `isCounted` is false for the warm-up. */
  round(isCounted: boolean): Promise<void>;
  /** Takes away what `prepare` made. */
  finish?(): Promise<void>;
  rows(): Row[];
}

export type MakeMeasure = (bench: Bench) => Measure;

/**
 * Does the rounds of all measures in turn, each spread over the whole time: what else the machine does meanwhile falls on all
 * of them alike, so that figures of one run can be compared with each other.
 */
export async function runInterleaved(
  measures: ReadonlyMap<string, Measure>,
  say: (text: string) => void,
): Promise<Row[]> {
  try {
    for (const [name, measure] of measures) {
      say(`warm-up: ${name}`);
      await measure.prepare?.();
      await measure.round(false);
    }
    await doRounds(measures, say);
  } catch (error) {
    // What was made goes all the same; what cannot be taken away is told by what failed before it.
    await Promise.allSettled([...measures.values()].map(async (measure) => measure.finish?.()));
    throw error;
  }
  for (const measure of measures.values()) await measure.finish?.();
  return [...measures.values()].flatMap((measure) => measure.rows());
}

async function doRounds(measures: ReadonlyMap<string, Measure>, say: (text: string) => void): Promise<void> {
  const turns = Math.max(...[...measures.values()].map(({ rounds }) => rounds));
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, measure] of measures) {
      const doneBefore = Math.floor((turn * measure.rounds) / turns);
      if (Math.floor(((turn + 1) * measure.rounds) / turns) === doneBefore) continue;
      say(`round ${doneBefore + 1} of ${measure.rounds}: ${name}`);
      await measure.round(true);
    }
  }
}
