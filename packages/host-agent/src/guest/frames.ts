/** Frame codec of docs/guest-protocol.md, version 1. Both directions; the fake guest uses it too. */

export const FrameType = {
  hello: 1,
  helloOk: 2,
  open: 3,
  data: 4,
  end: 5,
  result: 6,
  event: 7,
  credit: 8,
  cancel: 9,
  ping: 10,
  pong: 11,
  control: 12,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const Channel = { stdin: 0, stdout: 1, stderr: 2 } as const;

export const HEADER_BYTES = 12;
export const TRAILER_BYTES = 4;
/** Largest payload of a frame: bounds what either side must hold before it can act. */
export const MAX_PAYLOAD = 65_536;
/** Each (stream, channel) starts with this much credit each way. */
export const INITIAL_CREDIT = 262_144;
/** Zeros that complete any frame a lost peer left half-written. */
export const RESYNC_PAD_BYTES = 65_600;
const TRAILER_MAGIC = 0x31534450;

export interface Frame {
  readonly type: FrameType;
  readonly channel: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function encodeFrame(type: FrameType, stream: number, channel: number, payload: Uint8Array): Buffer {
  if (payload.length > MAX_PAYLOAD)
    throw new RangeError(`a frame holds at most ${MAX_PAYLOAD} bytes, not ${payload.length}`);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length + TRAILER_BYTES);
  frame[0] = type;
  frame[1] = channel;
  frame.writeUInt16LE(0, 2);
  frame.writeUInt32LE(stream, 4);
  frame.writeUInt32LE(payload.length, 8);
  frame.set(payload, HEADER_BYTES);
  frame.writeUInt32LE((TRAILER_MAGIC ^ stream ^ payload.length) >>> 0, HEADER_BYTES + payload.length);
  return frame;
}

/** A frame in the parts that it is written in, so that content is not copied. Keep the payload as it is until then. */
export function frameParts(
  type: FrameType,
  stream: number,
  channel: number,
  payload: Uint8Array,
): [Buffer, Uint8Array, Buffer] {
  const bare = encodeFrame(type, stream, channel, payload.subarray(0, 0));
  bare.writeUInt32LE(payload.length, 8);
  bare.writeUInt32LE((TRAILER_MAGIC ^ stream ^ payload.length) >>> 0, HEADER_BYTES);
  return [bare.subarray(0, HEADER_BYTES), payload, bare.subarray(HEADER_BYTES)];
}

export function encodeJsonFrame(type: FrameType, stream: number, value: unknown): Buffer {
  return encodeFrame(type, stream, 0, Buffer.from(JSON.stringify(value)));
}

/** The other side sent what no version of the protocol allows. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Cuts a byte stream in any chunking into frames. Zero bytes between frames are padding; a frame with a wrong trailer is dropped. */
export class FrameParser {
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes that the next frame needs, as far as that is known. */
  #needed = HEADER_BYTES;

  /** Bytes held back until the rest of their frame arrives: below HEADER + MAX_PAYLOAD + TRAILER. */
  get pendingBytes(): number {
    return this.#length;
  }

  /** A frame arrives in a dozen pieces: they are put together once, when the last is there. */
  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return;
    let buffer = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#length);
    this.#hold(Buffer.alloc(0), HEADER_BYTES);
    for (;;) {
      let start = 0;
      while (start < buffer.length && buffer[start] === 0) start++;
      if (start > 0) buffer = buffer.subarray(start);
      if (buffer.length < HEADER_BYTES) return this.#hold(buffer, HEADER_BYTES);
      const type = buffer[0]!;
      const length = buffer.readUInt32LE(8);
      if (type > FrameType.control || length > MAX_PAYLOAD) {
        throw new FrameError(`impossible frame header: type ${type}, length ${length}`);
      }
      const end = HEADER_BYTES + length + TRAILER_BYTES;
      if (buffer.length < end) return this.#hold(buffer, end);
      const stream = buffer.readUInt32LE(4);
      const trailer = buffer.readUInt32LE(HEADER_BYTES + length);
      if (trailer === (TRAILER_MAGIC ^ stream ^ length) >>> 0) {
        yield {
          type: type as FrameType,
          channel: buffer[1]!,
          stream,
          payload: buffer.subarray(HEADER_BYTES, HEADER_BYTES + length),
        };
      }
      buffer = buffer.subarray(end);
    }
  }

  #hold(rest: Buffer, needed: number): void {
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    this.#needed = needed;
  }
}
