import { TimeoutError } from "../errors/errors.ts";
import type { CallOptions } from "./http.ts";

/** Runs something that may take long under the caller's signal and limit; without either it takes as long as it takes. */
export async function withinLimit<T>(
  options: CallOptions,
  run: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const { signal, timeoutMs } = options;
  if (!timeoutMs) return run(signal);
  const late = new AbortController();
  const error = new TimeoutError(`it took longer than ${timeoutMs} ms`, { code: "client.timeout" });
  const timer = setTimeout(() => late.abort(error), timeoutMs);
  try {
    return await run(signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}
