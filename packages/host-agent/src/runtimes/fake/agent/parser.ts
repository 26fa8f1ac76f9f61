import {
  FrameError,
  FrameParser,
  FrameType,
  HEADER_BYTES,
  MAX_PAYLOAD,
  TRAILER_BYTES,
  type Frame,
} from "../../../guest/frames.ts";

const RESYNC_ZEROS = 64;

/**
 * The guest's side of the codec: where the host gives up on an impossible frame, the guest discards bytes until 64 zeros in a
 * row and goes on, for a new peer may come at any byte.
 */
export class GuestParser {
  #frames = new FrameParser();
  /** Zeros seen in a row while discarding; undefined at a boundary. */
  #zeros: number | undefined;
  /** What the inner parser was given and has not answered with a frame: the bytes in which an impossible header hides. */
  #held: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let buffer = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    for (;;) {
      if (this.#zeros !== undefined) {
        const end = this.#discard(buffer);
        if (end < 0) return frames;
        buffer = buffer.subarray(end);
      }
      const next = cut(buffer);
      if (next === "impossible") {
        this.#zeros = 0;
        continue;
      }
      buffer = buffer.subarray(next.skipped);
      if (next.bytes === undefined) {
        this.#held = buffer;
        return frames;
      }
      try {
        for (const frame of this.#frames.push(buffer.subarray(0, next.bytes))) frames.push(frame);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        this.#frames = new FrameParser();
      }
      buffer = buffer.subarray(next.bytes);
    }
  }

  reset(): void {
    this.#frames = new FrameParser();
    this.#zeros = undefined;
    this.#held = Buffer.alloc(0);
  }

  /** Index after the 64th zero in a row; -1 when it has not come yet. */
  #discard(buffer: Buffer): number {
    let zeros = this.#zeros!;
    for (let i = 0; i < buffer.length; i++) {
      zeros = buffer[i] === 0 ? zeros + 1 : 0;
      if (zeros < RESYNC_ZEROS) continue;
      this.#zeros = undefined;
      return i + 1;
    }
    this.#zeros = zeros;
    return -1;
  }
}

/** Where the next whole frame lies: after `skipped` zeros, `bytes` long, or not all there yet. */
function cut(buffer: Buffer): { skipped: number; bytes: number | undefined } | "impossible" {
  let skipped = 0;
  while (skipped < buffer.length && buffer[skipped] === 0) skipped++;
  const rest = buffer.length - skipped;
  if (rest > 0 && buffer[skipped]! > FrameType.control) return "impossible";
  if (rest < HEADER_BYTES) return { skipped, bytes: undefined };
  const length = buffer.readUInt32LE(skipped + 8);
  if (length > MAX_PAYLOAD) return "impossible";
  const bytes = HEADER_BYTES + length + TRAILER_BYTES;
  return { skipped, bytes: rest < bytes ? undefined : bytes };
}
