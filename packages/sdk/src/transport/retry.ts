import { PandaStackError } from "../errors/errors.ts";

/** The first try and the repetitions after it. */
export const MAX_ATTEMPTS = 4;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** An answer from far away may take as long: with less time there is no use in asking again. */
export const LEAST_ATTEMPT_MS = 250;
/** Added to what the server asks for, so that those who were refused together don't come back together. */
const RETRY_AFTER_JITTER = 0.25;

/**
 * How long to wait before asking again, in milliseconds; undefined: not at all. Only faults that the server calls retriable, or
 * a connection that broke, and only where asking twice does no harm. A 429 has done nothing: it may always be repeated.
 * @param random from 0 to 1
 */
export function pauseBefore(
  attempt: number,
  error: unknown,
  isRepeatable: boolean,
  random: number = Math.random(),
): number | undefined {
  if (!(error instanceof PandaStackError) || !error.retryable || attempt >= MAX_ATTEMPTS) return undefined;
  if (!isRepeatable && error.status !== 429) return undefined;
  // Takes minutes: repeated by whoever can say how far it is, see templates/wait.ts.
  if (error.code === "template.not_ready") return undefined;
  if (error.retryAfterMs !== undefined) return error.retryAfterMs * (1 + RETRY_AFTER_JITTER * random);
  // Half of it certain, half of it random: nobody comes back at once, and not everybody at the same time.
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
  return pauseMs * (0.5 + 0.5 * random);
}

/** Rejects with the signal's reason. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
