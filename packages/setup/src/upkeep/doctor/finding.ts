/**
 * - `ok`: as it should be.
 * - `note`: works, but someone may want it otherwise.
 * - `problem`: something will not work.
 * - `unknown`: could not be looked at from here.
 */
export type Verdict = "ok" | "note" | "problem" | "unknown";

export interface Finding {
  /** Stable, for scripts: `kvm`, `pool`. */
  readonly id: string;
  readonly verdict: Verdict;
  /** What was found. */
  readonly says: string;
  /** What to do about it; null where nothing is to be done. */
  readonly fix: string | null;
}

export const ok = (id: string, says: string): Finding => ({ id, verdict: "ok", says, fix: null });
export const note = (id: string, says: string, fix: string | null = null): Finding => ({
  id,
  verdict: "note",
  says,
  fix,
});
export const problem = (id: string, says: string, fix: string): Finding => ({ id, verdict: "problem", says, fix });
export const unknown = (id: string, says: string, fix: string): Finding => ({ id, verdict: "unknown", says, fix });

const GIB = 1024 ** 3;
export const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;
