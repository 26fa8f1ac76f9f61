import { Worker } from "node:worker_threads";
import type { ErrorCode } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { FlattenRequest } from "./flatten.ts";
import type { FlattenAnswer } from "./flatten-worker.ts";

/** Enough for the tree of as many files as are allowed, and no more: what is read is untrusted. */
const HEAP_LIMIT_MB = 768;
/** Ten gigabytes read twice, on a machine that does other things. */
const FLATTEN_TIMEOUT_MS = 1_800_000;

/** `flatten` in a thread of its own, with memory and time of its own. */
export function flattenApart(request: FlattenRequest): Promise<number> {
  const worker = new Worker(new URL("./flatten-worker.ts", import.meta.url), {
    workerData: request,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB },
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(
    () => reject(new Refusal("request.timeout", "its files could not be read in time")),
    FLATTEN_TIMEOUT_MS,
  );
  worker.once("message", (answer: FlattenAnswer) =>
    "bytes" in answer ? resolve(answer.bytes) : reject(new Refusal(answer.code as ErrorCode, answer.error)),
  );
  worker.once("error", reject);
  worker.once("exit", (code) => reject(new Error(`the thread that reads images ended with ${code}`)));
  return promise.finally(() => {
    clearTimeout(timer);
    void worker.terminate();
  });
}
