import type { RawBuilder } from "kysely";
import { Fault, type Logger } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";

const RETRY_MS = 500;
/** Kept in memory for a database that is away: far more than requests under way when it goes. Later ones hardly get here. */
const WAITING_LIMIT = 10_000;

/**
 * What is written down under idempotency keys behind the answers: a database that is away when the work is done must neither
 * make it a failure nor leave its key open. Written as soon as it can be; until then the key is in use.
 */
export class KeyNotes {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #waiting = new Map<string, { note: RawBuilder<unknown>; written: () => void }>();
  #flushing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  /** Resolves after one attempt, whatever came of it. `written` is called once it is, or when it never will be. */
  async write(name: string, note: RawBuilder<unknown>, written: () => void): Promise<void> {
    try {
      await note.execute(this.#db);
    } catch (error) {
      const isForNow = error instanceof Fault && !this.#isStopped && this.#waiting.size < WAITING_LIMIT;
      this.#log.warn(
        { err: error },
        `what became of a request is not written down under its key${isForNow ? " yet" : ""}`,
      );
      if (isForNow) {
        this.#waiting.set(name, { note, written });
        this.#retryLater();
        return;
      }
    }
    written();
  }

  /** Tries once more. What is not written then, the next life of the server makes up for when the key comes again. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    await this.#flushing;
    await this.#flush();
  }

  #retryLater(): void {
    if (this.#isStopped) return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      void this.#flush();
    }, RETRY_MS).unref();
  }

  /** One at a time: a note that is written twice could meet the next request under its key. */
  #flush(): Promise<void> {
    this.#flushing ??= this.#writeWaiting().finally(() => {
      this.#flushing = undefined;
      if (this.#waiting.size > 0) this.#retryLater();
    });
    return this.#flushing;
  }

  async #writeWaiting(): Promise<void> {
    for (const [name, { note, written }] of this.#waiting) {
      try {
        await note.execute(this.#db);
      } catch (error) {
        if (error instanceof Fault && error.code === "internal.database") return;
        // Of a full disk: others may need no room.
        if (error instanceof Fault) continue;
        this.#log.warn({ err: error }, "what became of a request is not written down under its key");
      }
      this.#waiting.delete(name);
      written();
    }
  }
}
