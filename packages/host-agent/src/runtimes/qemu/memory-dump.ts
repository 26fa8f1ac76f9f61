import { Worker } from "node:worker_threads";
import type { DumpAnswer, DumpRequest } from "./memory-worker.ts";

/** Copies dirty pages off the main thread: tens of milliseconds in which every other sandbox goes on being served. */
export class MemoryDumper {
  #worker: Worker | undefined;
  #nextId = 1;
  readonly #waiting = new Map<number, { resolve: (bytes: number) => void; reject: (error: Error) => void }>();

  dump(request: Omit<DumpRequest, "id">): Promise<number> {
    const worker = (this.#worker ??= this.#start());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...request } satisfies DumpRequest);
    });
  }

  /** Starts the thread before the first snapshot needs it. */
  warm(): void {
    this.#worker ??= this.#start();
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./memory-worker.ts", import.meta.url));
    worker.unref();
    worker.on("message", (answer: DumpAnswer) => {
      const waiter = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ("bytes" in answer) waiter?.resolve(answer.bytes);
      else waiter?.reject(new Error(`could not copy the machine's memory: ${answer.error}`));
    });
    worker.on("error", (error) => {
      this.#worker = undefined;
      for (const waiter of this.#waiting.values()) waiter.reject(error);
      this.#waiting.clear();
    });
    return worker;
  }
}
