import { Worker } from "node:worker_threads";
import type { DirtyPages } from "./memory-pages.ts";
import type { MemoryWork, WorkAnswer, WorkRequest } from "./memory-worker.ts";

/** Copies guests' pages off the main thread: tens of milliseconds in which every other sandbox goes on being served. */
export class MemoryDumper {
  #worker: Worker | undefined;
  #nextId = 1;
  readonly #waiting = new Map<
    number,
    { resolve: (done: DirtyPages | undefined) => void; reject: (error: Error) => void }
  >();

  /** See `writeDirtyPages`. */
  async dump(work: Omit<Extract<MemoryWork, { kind: "dump" }>, "kind">): Promise<DirtyPages> {
    return (await this.#ask({ kind: "dump", ...work }))!;
  }

  /** See `placePages`. */
  async place(work: Omit<Extract<MemoryWork, { kind: "place" }>, "kind">): Promise<void> {
    await this.#ask({ kind: "place", ...work });
  }

  /** Starts the thread before the first snapshot needs it. */
  warm(): void {
    this.#worker ??= this.#start();
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask(work: MemoryWork): Promise<DirtyPages | undefined> {
    const worker = (this.#worker ??= this.#start());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, work } satisfies WorkRequest);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./memory-worker.ts", import.meta.url));
    worker.unref();
    worker.on("message", (answer: WorkAnswer) => {
      const waiter = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ("error" in answer) waiter?.reject(new Error(`could not copy the machine's memory: ${answer.error}`));
      else waiter?.resolve(answer.done);
    });
    worker.on("error", (error) => {
      this.#worker = undefined;
      for (const waiter of this.#waiting.values()) waiter.reject(error);
      this.#waiting.clear();
    });
    return worker;
  }
}
