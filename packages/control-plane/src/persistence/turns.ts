import { Fault } from "@pandastack/platform";

/** Below the 30 s at which clients give up. */
const WAIT_LIMIT_MS = 20_000;

interface Waiting {
  readonly enter: () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Who may have one of the database's connections now. The driver's pool has one limit for waiting until one is free and for
 * opening one: a thousand requests at once would fail for want of patience, or a database that is away be noticed too late.
 * Here they wait in line, and as soon as a connection cannot be had, all of them learn it.
 */
export class Turns {
  #free: number;
  readonly #line: Waiting[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        const at = this.#line.indexOf(waiting);
        if (at >= 0) this.#line.splice(at, 1);
      };
      const waiting: Waiting = {
        enter: () => {
          leave();
          resolve();
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const late = () =>
        waiting.fail(new Fault("internal.database", "the database has more to do than it can; try again"));
      const timer = setTimeout(late, WAIT_LIMIT_MS);
      this.#line.push(waiting);
    });
  }

  /** The next one's turn. */
  leave(): void {
    const next = this.#line[0];
    if (next === undefined) this.#free += 1;
    else next.enter();
  }

  /** There is no connection to be had: whoever waits need not wait for that to be found out again. */
  fail(error: unknown): void {
    for (const waiting of [...this.#line]) waiting.fail(error);
  }
}
