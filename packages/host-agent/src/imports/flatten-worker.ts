import { parentPort, workerData } from "node:worker_threads";
import { Refusal } from "@pandastack/platform";
import { flatten, type FlattenRequest } from "./flatten.ts";

/** A thread of its own: gigabytes of headers and hashes must not keep the host's other callers waiting. */
export type FlattenAnswer = { readonly bytes: number } | { readonly code: string; readonly error: string };

try {
  parentPort!.postMessage({ bytes: await flatten(workerData as FlattenRequest) } satisfies FlattenAnswer);
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  parentPort!.postMessage({ code: error.code, error: error.message } satisfies FlattenAnswer);
}
