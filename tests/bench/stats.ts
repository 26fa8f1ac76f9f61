/** Figures of one thing that was measured several times. */
export interface Row {
  name: string;
  unit: "ms" | "MB/s" | "/s";
  /** What docs/specification.md promises of the median. */
  target?: { atMost: number } | { atLeast: number };
  samples: number[];
}

export interface Summary {
  n: number;
  p50: number;
  p95: number;
  p99: number;
  min: number;
  max: number;
}

export function summarize(samples: number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), min: at(0), max: at(1) };
}

/** undefined where nothing is promised. */
export function isWithinTarget(row: Row): boolean | undefined {
  if (row.target === undefined || row.samples.length === 0) return undefined;
  const { p50 } = summarize(row.samples);
  return "atMost" in row.target ? p50 <= row.target.atMost : p50 >= row.target.atLeast;
}
