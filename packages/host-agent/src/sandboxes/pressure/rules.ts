import type { MemoryPressure } from "@pandastack/contracts/host";

/** How the host's memory is. */
export interface MemoryFigures {
  readonly totalBytes: number;
  readonly availableBytes: number;
  /** Percent of the last ten seconds in which some, and in which all, of what wanted to run waited for memory. 0 where the kernel does not say. */
  readonly someStalled: number;
  readonly fullyStalled: number;
}

export interface PressureSettings {
  /** Between two looks. */
  readonly intervalSeconds: number;
  /** Below so much available memory, or above so much waiting for it, what can be given back is. */
  readonly squeezeBelowPercent: number;
  readonly squeezeStalledPercent: number;
  /** … and sandboxes are hibernated, too. */
  readonly hibernateBelowPercent: number;
  readonly hibernateStalledPercent: number;
  /** What was used within so long stays, whatever happens. */
  readonly idleSeconds: number;
}

/** What has begun ends only when there is so much more than where it begins: else every look would be another change. */
export const RELIEF_PERCENT = 3;

export const availablePercent = ({ availableBytes, totalBytes }: MemoryFigures): number =>
  totalBytes === 0 ? 100 : (availableBytes / totalBytes) * 100;

/**
 *     available   ≥ 15 %    none
 *                 < 15 %    squeeze     or some of what runs waits for memory, 10 % of the time
 *                 <  8 %    hibernate   or all of it, 5 %
 */
export function pressureOf(figures: MemoryFigures, settings: PressureSettings, before: MemoryPressure): MemoryPressure {
  const available = availablePercent(figures);
  const reliefHibernate = before === "hibernate" ? RELIEF_PERCENT : 0;
  const reliefSqueeze = before === "none" ? 0 : RELIEF_PERCENT;
  if (isShort(settings, available - reliefHibernate) || figures.fullyStalled > settings.hibernateStalledPercent)
    return "hibernate";
  const isTight = available - reliefSqueeze < settings.squeezeBelowPercent;
  return isTight || figures.someStalled > settings.squeezeStalledPercent ? "squeeze" : "none";
}

const isShort = (settings: PressureSettings, available: number): boolean => available < settings.hibernateBelowPercent;

export interface Candidate {
  readonly id: string;
  readonly isOpen: boolean;
  /** Since it was used last, by whomever. */
  readonly idleMs: number;
}

/** The one that was not used for the longest time, of those that may be put to sleep. */
export function coldest(candidates: readonly Candidate[], settings: PressureSettings): Candidate | undefined {
  return candidates
    .filter(({ isOpen, idleMs }) => !isOpen && idleMs >= settings.idleSeconds * 1000)
    .reduce<Candidate | undefined>((most, one) => (most && most.idleMs >= one.idleMs ? most : one), undefined);
}
