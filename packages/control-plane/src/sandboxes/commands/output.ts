import { TextDecoder } from "node:util";

/** One stream of a command's output, kept up to a limit. */
export class BoundedOutput {
  readonly #chunks: Buffer[] = [];
  readonly #limitBytes: number;
  #bytes = 0;
  isTruncated = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(data: Uint8Array): void {
    const room = this.#limitBytes - this.#bytes;
    if (data.length > room) this.isTruncated = true;
    if (room <= 0) return;
    // A copy: the frame is a view of a larger buffer, which would be kept for its sake.
    const kept = Buffer.from(data.subarray(0, room));
    this.#chunks.push(kept);
    this.#bytes += kept.length;
  }

  /** As UTF-8; what is none becomes U+FFFD. */
  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }
}

/** For output that is passed on in pieces: characters are not cut in two, and a byte order mark is output like any other. */
export function outputDecoder(): TextDecoder {
  return new TextDecoder("utf-8", { ignoreBOM: true });
}
