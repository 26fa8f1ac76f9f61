import { MEMORY_LIMIT_MB } from "@pandastack/contracts";

interface Size {
  readonly cpu: number;
  readonly memoryMb: number;
}

/**
 * Sizes are few: each is baked once, takes its memory on the pool, and serves everyone who asks for it or for a little less. Up to a
 * limit in steps, in MiB.
 */
const STEPS: readonly { readonly upToMb: number; readonly stepMb: number }[] = [
  { upToMb: 4_096, stepMb: 512 },
  { upToMb: 16_384, stepMb: 2_048 },
  { upToMb: MEMORY_LIMIT_MB, stepMb: 8_192 },
];

/**
 * A machine that is larger than its template's, where that was asked for; undefined: the template's own. Never a smaller one: what
 * runs in a template has been given so much. A host gives no more processors than it gives its own.
 */
export function askedSize(
  asked: { readonly cpu?: number | null | undefined; readonly memory_mb?: number | null | undefined },
  template: Size,
): { readonly cpus: number; readonly memoryMb: number } | undefined {
  const cpus = Math.max(template.cpu, Math.ceil(asked.cpu ?? 0));
  const memoryMb = Math.max(template.memoryMb, inSteps(asked.memory_mb ?? 0));
  return cpus === template.cpu && memoryMb === template.memoryMb ? undefined : { cpus, memoryMb };
}

function inSteps(wantedMb: number): number {
  if (wantedMb <= 0) return 0;
  const atMost = Math.min(wantedMb, MEMORY_LIMIT_MB);
  const { stepMb } = STEPS.find(({ upToMb }) => atMost <= upToMb)!;
  return Math.ceil(atMost / stepMb) * stepMb;
}
