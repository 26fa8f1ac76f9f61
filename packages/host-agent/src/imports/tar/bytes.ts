import { badImage } from "../failures.ts";

/** A stream of chunks, read in the pieces that a format is made of. Holds one chunk. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #chunk: Buffer = Buffer.alloc(0);
  /** Bytes that were read. */
  position = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#chunk = next.value;
    }
    return true;
  }

  #take(length: number): Buffer {
    const taken = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(taken.length);
    this.position += taken.length;
    return taken;
  }

  /** So many bytes, few enough to be held; undefined at the stream's end. */
  async exactly(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      if (!(await this.#more())) {
        if (missing === length) return undefined;
        throw badImage("the archive ends in the middle of an entry");
      }
      const part = this.#take(missing);
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /** So many bytes as they come. */
  async *pieces(length: number): AsyncGenerator<Buffer> {
    for (let missing = length; missing > 0;) {
      if (!(await this.#more())) throw badImage("the archive ends in the middle of an entry");
      const part = this.#take(missing);
      missing -= part.length;
      yield part;
    }
  }

  async skip(length: number): Promise<void> {
    for await (const _ of this.pieces(length));
  }

  /** All that is left. */
  async *rest(): AsyncGenerator<Buffer> {
    while (await this.#more()) yield this.#take(this.#chunk.length);
  }

  /** Whatever it comes from is closed. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** To the end: whoever counts or hashes the stream has then seen all of it. */
  async drain(): Promise<void> {
    while (await this.#more()) this.#take(this.#chunk.length);
  }
}
