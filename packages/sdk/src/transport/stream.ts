/**
 * Something that comes piece by piece: loop over it, or have it call you. Leaving the loop or `close()` ends the connection
 * behind it, and nothing else: a command goes on running.
 * @example
 * for await (const line of sandbox.logs({ follow: true })) console.log(line);
 * @example
 * await sandbox.logs({ follow: true }).forEach((line) => console.log(line));
 */
export class Stream<T> implements AsyncIterableIterator<T, void, undefined> {
  readonly #stop = new AbortController();
  readonly #items: AsyncGenerator<T, void, undefined>;
  readonly #signal: AbortSignal | undefined;

  /** `read` gets the signal that ends it. */
  constructor(read: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>, signal?: AbortSignal) {
    this.#signal = signal;
    this.#items = read(signal === undefined ? this.#stop.signal : AbortSignal.any([this.#stop.signal, signal]));
  }

  /** The next piece, once it is there. */
  async next(): Promise<IteratorResult<T, void>> {
    if (this.#stop.signal.aborted) return { done: true, value: undefined };
    try {
      return await this.#items.next();
    } catch (error) {
      // Whoever closed it knows; a reader that waits meanwhile sees its end.
      if (this.#stop.signal.aborted) return { done: true, value: undefined };
      throw this.#signal?.aborted ? this.#signal.reason : error;
    }
  }
  /** What leaving a loop calls. */
  async return(): Promise<IteratorResult<T, void>> {
    await this.close();
    return { done: true, value: undefined };
  }
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Calls `each` for every piece, and waits for it; resolves at the end. */
  async forEach(each: (item: T) => unknown): Promise<void> {
    for await (const item of this) await each(item);
  }
  /** Everything to its end. Not for what has none. */
  async toArray(): Promise<T[]> {
    const items: T[] = [];
    for await (const item of this) items.push(item);
    return items;
  }

  /** Ends the connection. A loop that waits ends. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#items.return().catch(() => undefined);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
