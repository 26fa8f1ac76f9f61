import type { CommandResult } from "../commands/result.ts";
import { InvalidRequestError, PandaStackError } from "../errors/errors.ts";
import type { CallOptions } from "../transport/http.ts";
import type { Sandbox } from "./sandbox.ts";

/** A way to be tried: a command, or what you do in the copy yourself. */
export type Candidate =
  | string
  | {
      /** Default: the command. */
      label?: string | undefined;
      command: string;
      cwd?: string | undefined;
      env?: Record<string, string> | undefined;
    }
  | ((sandbox: Sandbox, signal: AbortSignal | undefined) => Promise<CommandResult>);

/** How one of them went. */
export interface Outcome {
  /** The copy that it was tried in. Once all is decided only the winner's is there. */
  sandbox: Sandbox;
  /** Its place among the candidates. */
  index: number;
  label: string;
  /** undefined where it could not be tried to its end; then `error` says why. */
  result: CommandResult | undefined;
  error: PandaStackError | undefined;
  durationMs: number;
  score: number | undefined;
}

/** How good an outcome is; the largest wins, and what is no finite number does not take part. */
export type Score = (outcome: Outcome) => number | Promise<number>;

/** How candidates are tried. */
export interface ExploreOptions extends CallOptions {
  /** Each candidate's own limit. Default: none. */
  candidateTimeoutMs?: number | undefined;
  /** Of the copies, the winner's too. Default: the parent's. */
  ttlSeconds?: number | undefined;
}

/** Who won, and how all of them went. */
export interface Exploration {
  /** undefined: none took part; then nothing is left. */
  winner: Sandbox | undefined;
  /** In the candidates' order. */
  outcomes: Outcome[];
}

/** As many children as a tree can have. */
const CANDIDATES_LIMIT = 16;

/** The first that succeeded in the shortest time. */
const fastestSuccess: Score = ({ result, durationMs }) => (result?.exitCode === 0 ? -durationMs : Number.NaN);

export async function exploreIn(
  parent: Sandbox,
  candidates: readonly Candidate[],
  score: Score = fastestSuccess,
  options: ExploreOptions = {},
): Promise<Exploration> {
  if (candidates.length === 0 || candidates.length > CANDIDATES_LIMIT)
    throw new InvalidRequestError(`1 to ${CANDIDATES_LIMIT} candidates can be tried, not ${candidates.length}`);
  const { candidateTimeoutMs, ttlSeconds, signal, timeoutMs } = options;
  const children = await parent.forkTree({ count: candidates.length, ttlSeconds, signal, timeoutMs });
  try {
    const outcomes = await Promise.all(
      children.map(async (sandbox, index) => {
        const outcome = await tryOne(sandbox, index, candidates[index]!, { timeoutMs: candidateTimeoutMs, signal });
        const value = await score(outcome);
        return { ...outcome, score: Number.isFinite(value) ? value : undefined };
      }),
    );
    const taking = outcomes.filter((outcome) => outcome.score !== undefined);
    const [best] = taking.toSorted((a, b) => b.score! - a.score! || a.index - b.index);
    if (best === undefined) await removeAll(children);
    else await best.sandbox.promote({ cleanupSiblings: true, signal });
    return { winner: best?.sandbox, outcomes };
  } catch (error) {
    await removeAll(children);
    throw error;
  }
}

async function tryOne(
  sandbox: Sandbox,
  index: number,
  candidate: Candidate,
  call: CallOptions,
): Promise<Omit<Outcome, "score"> & { score: undefined }> {
  const started = performance.now();
  const known = { sandbox, index, label: labelOf(candidate, index), score: undefined };
  try {
    const result = await runCandidate(sandbox, candidate, call);
    return { ...known, result, error: undefined, durationMs: performance.now() - started };
  } catch (error) {
    // A bug in a candidate of the caller's, or an abort, is the caller's to see.
    if (!(error instanceof PandaStackError)) throw error;
    return { ...known, result: undefined, error, durationMs: performance.now() - started };
  }
}

function runCandidate(sandbox: Sandbox, candidate: Candidate, call: CallOptions): Promise<CommandResult> {
  if (typeof candidate === "function") return candidate(sandbox, call.signal);
  if (typeof candidate === "string") return sandbox.commands.run(candidate, call);
  const { command, cwd, env } = candidate;
  return sandbox.commands.run(command, { ...call, cwd, env });
}

function labelOf(candidate: Candidate, index: number): string {
  if (typeof candidate === "string") return candidate;
  if (typeof candidate === "function") return candidate.name || `candidate ${index}`;
  return candidate.label ?? candidate.command;
}

async function removeAll(children: readonly Sandbox[]): Promise<void> {
  await Promise.allSettled(children.map((child) => child.kill()));
}
