/**
 * A list of the server's, asked for when it is looped over.
 * @example
 * for await (const sandbox of Sandbox.list()) console.log(sandbox.id);
 * @example
 * const sandboxes = await Sandbox.list().toArray();
 */
export class Listing<T> implements AsyncIterable<T> {
  readonly #pages: () => AsyncIterable<readonly T[]>;

  constructor(pages: () => AsyncIterable<readonly T[]>) {
    this.#pages = pages;
  }

  /** A list that the server answers with whole. */
  static of<T>(ask: () => Promise<readonly T[]>): Listing<T> {
    return new Listing(async function* () {
      yield await ask();
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for await (const page of this.#pages()) yield* page;
  }
  /** All of it. */
  async toArray(): Promise<T[]> {
    const items: T[] = [];
    for await (const item of this) items.push(item);
    return items;
  }
}
