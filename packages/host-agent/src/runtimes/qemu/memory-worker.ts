import { parentPort } from "node:worker_threads";
import { writeDirtyPages } from "./memory-pages.ts";

export type DumpRequest = { id: number; pid: number; memoryFile: string; target: string };
export type DumpAnswer = { id: number; bytes: number } | { id: number; error: string };

parentPort!.on("message", (request: DumpRequest) => {
  let answer: DumpAnswer;
  try {
    answer = { id: request.id, bytes: writeDirtyPages(request) };
  } catch (error) {
    answer = { id: request.id, error: error instanceof Error ? error.message : String(error) };
  }
  parentPort!.postMessage(answer);
});
