import { parentPort } from "node:worker_threads";
import { placePages, writeDirtyPages, type DirtyPages, type PageRun } from "./memory-pages.ts";

export type MemoryWork =
  | { readonly kind: "dump"; readonly pid: number; readonly memoryFile: string; readonly target: string }
  | {
      readonly kind: "place";
      readonly pid: number;
      readonly memoryFile: string;
      readonly source: string;
      readonly runs: readonly PageRun[];
    };
export type WorkRequest = { readonly id: number; readonly work: MemoryWork };
export type WorkAnswer = { id: number; done: DirtyPages | undefined } | { id: number; error: string };

parentPort!.on("message", ({ id, work }: WorkRequest) => {
  let answer: WorkAnswer;
  try {
    answer = { id, done: work.kind === "dump" ? writeDirtyPages(work) : placePages(work) };
  } catch (error) {
    answer = { id, error: error instanceof Error ? error.message : String(error) };
  }
  parentPort!.postMessage(answer);
});
