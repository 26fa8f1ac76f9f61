import { Fault } from "@pandastack/platform";

export interface StockOptions<T> {
  /** How many are kept ready. */
  readonly target: number;
  /** How many are made at a time. */
  readonly concurrency: number;
  /** How long to wait after one was taken: whoever took it is busy, and making costs what it needs. */
  readonly calmMs: number;
  /** How long to leave it after a failure before the stock is filled again. */
  readonly retryAfterMs: number;
  readonly make: () => Promise<T>;
  readonly onFailure: (error: unknown) => void;
}

interface Waiter<T> {
  readonly resolve: (item: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Keeps some things made ahead. Whoever takes one gets it at once, or the next that is finished. */
export class Stock<T> {
  private readonly options: StockOptions<T>;
  private readonly ready: T[] = [];
  private readonly waiters: Waiter<T>[] = [];
  private readonly making = new Set<Promise<void>>();
  private refill: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(options: StockOptions<T>) {
    this.options = options;
  }

  take(): Promise<T> {
    if (this.isClosed) return Promise.reject(closedFault());
    const item = this.ready.shift();
    if (item !== undefined) {
      this.refill ??= setTimeout(() => this.fill(), this.options.calmMs).unref();
      return Promise.resolve(item);
    }
    const taken = new Promise<T>((resolve, reject) => this.waiters.push({ resolve, reject }));
    this.fill();
    return taken;
  }

  /** Starts making what is missing. Repeatable. */
  fill(): void {
    clearTimeout(this.refill);
    this.refill = undefined;
    while (!this.isClosed && this.making.size < this.options.concurrency && this.missing() > 0) {
      const work = this.makeOne().finally(() => {
        this.making.delete(work);
        this.fill();
      });
      this.making.add(work);
    }
  }

  get readyCount(): number {
    return this.ready.length;
  }

  /** Refuses who waits, stops making, and hands over what was ready. */
  async close(): Promise<T[]> {
    this.isClosed = true;
    clearTimeout(this.refill);
    clearTimeout(this.retry);
    for (const waiter of this.waiters.splice(0)) waiter.reject(closedFault());
    await Promise.all(this.making);
    return this.ready.splice(0);
  }

  private missing(): number {
    // After a failure only those who wait are worth an attempt.
    const target = this.retry === undefined ? this.options.target : 0;
    return this.waiters.length + target - this.ready.length - this.making.size;
  }

  private async makeOne(): Promise<void> {
    try {
      const item = await this.options.make();
      const waiter = this.waiters.shift();
      if (waiter) waiter.resolve(item);
      else this.ready.push(item);
    } catch (error) {
      this.options.onFailure(error);
      this.waiters.shift()?.reject(error);
      this.retryLater();
    }
  }

  private retryLater(): void {
    if (this.isClosed || this.retry) return;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.fill();
    }, this.options.retryAfterMs);
    this.retry.unref();
  }
}

const closedFault = (): Fault => new Fault("host.unavailable", "the host is stopping: no more network slots");
