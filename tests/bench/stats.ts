/** What the table promises of a row: its median, and where said its 99th percentile. */
export interface Target {
  atMost?: number;
  atLeast?: number;
  p99AtMost?: number;
}

/** Figures of one thing that was measured several times. */
export interface Row {
  name: string;
  unit: "ms" | "MB/s" | "/s" | "MB" | "%" | "times";
  target?: Target;
  samples: number[];
  /** Why there are no samples. */
  notRun?: string;
}

export interface Summary {
  n: number;
  p50: number;
  p95: number;
  p99: number;
  min: number;
  max: number;
}

/** With fewer samples the 99th percentile is the one worst of them, which says little: it is printed, and not held to a target. */
const MIN_SAMPLES_FOR_P99 = 20;

/** Percentiles are nearest-rank: each is a figure that was measured. */
export function summarize(samples: number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), min: at(0), max: at(1) };
}

export const median = (samples: number[]): number => summarize(samples).p50;

/** undefined where nothing is promised, or nothing was measured. */
export function isWithinTarget(row: Row): boolean | undefined {
  if (row.target === undefined || row.samples.length === 0) return undefined;
  const { n, p50, p99 } = summarize(row.samples);
  const { atMost = Infinity, atLeast = -Infinity, p99AtMost = Infinity } = row.target;
  return p50 <= atMost && p50 >= atLeast && (n < MIN_SAMPLES_FOR_P99 || p99 <= p99AtMost);
}

export function targetText(target: Target | undefined): string {
  if (target === undefined) return "";
  const parts = [
    target.atMost === undefined ? [] : `≤ ${target.atMost}`,
    target.atLeast === undefined ? [] : `≥ ${target.atLeast}`,
    target.p99AtMost === undefined ? [] : `p99 ≤ ${target.p99AtMost}`,
  ];
  return parts.flat().join(", ");
}
