/** How much of the host's memory is promised to sandboxes. */
export interface AdmissionSettings {
  /** What the host keeps for itself. */
  readonly reserveMb: number;
  /** Guests rarely use what they were given: this many times the rest is promised. */
  readonly overcommit: number;
}

const DEFAULT_RESERVE_MB = 512;
const DEFAULT_OVERCOMMIT = 4;
const MAX_OVERCOMMIT = 64;

/** From PANDASTACK_MEM_RESERVE_MB and PANDASTACK_MEM_OVERCOMMIT. */
export function admissionSettings(env: Readonly<Record<string, string | undefined>>): AdmissionSettings {
  return {
    reserveMb: readNumber(env, "PANDASTACK_MEM_RESERVE_MB", { preset: DEFAULT_RESERVE_MB, least: 0, most: 2 ** 24 }),
    overcommit: readNumber(env, "PANDASTACK_MEM_OVERCOMMIT", {
      preset: DEFAULT_OVERCOMMIT,
      least: 0.1,
      most: MAX_OVERCOMMIT,
    }),
  };
}

/** A number within limits, or what it is when nothing is said. */
export function readNumber(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  { preset, least, most }: { preset: number; least: number; most: number },
): number {
  const text = env[name];
  if (text === undefined || text === "") return preset;
  const value = Number(text);
  if (Number.isFinite(value) && value >= least && value <= most) return value;
  throw new Error(`${name} is "${text}"; it must be a number from ${least} to ${most}`);
}
