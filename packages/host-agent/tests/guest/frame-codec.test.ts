import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import {
  encodeFrame,
  FrameError,
  FrameParser,
  FrameType,
  HEADER_BYTES,
  MAX_PAYLOAD,
  RESYNC_PAD_BYTES,
  TRAILER_BYTES,
  type Frame,
} from "../../src/guest/frames.ts";
import { GuestParser } from "../../src/runtimes/fake/agent/parser.ts";

const MAX_HELD_BYTES = HEADER_BYTES + MAX_PAYLOAD + TRAILER_BYTES;

const frame = fc.record({
  type: fc.constantFrom(...Object.values(FrameType)),
  stream: fc.nat({ max: 0xffff_ffff }),
  channel: fc.integer({ min: 0, max: 2 }),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});
type PlainFrame = typeof frame extends fc.Arbitrary<infer T> ? T : never;

const encode = (one: PlainFrame): Buffer => encodeFrame(one.type, one.stream, one.channel, one.payload);
const plain = ({ type, stream, channel, payload }: Frame): PlainFrame => ({
  type,
  stream,
  channel,
  payload: Buffer.from(payload),
});

/** Cuts bytes at the given places, in any order and number. */
function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => (bytes.length === 0 ? 0 : place % bytes.length)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index, all) => bytes.subarray(start, all[index + 1] ?? bytes.length));
}

const cuts = fc.array(fc.nat(), { maxLength: 40 });

describe("frame codec", () => {
  test.prop([fc.array(frame, { maxLength: 8 }), fc.array(fc.nat({ max: 200 })), cuts])(
    "any chunking and any padding give the frames back",
    (frames, pads, places) => {
      const bytes = Buffer.concat(frames.flatMap((one, index) => [Buffer.alloc(pads[index] ?? 0), encode(one)]));
      for (const parser of [new FrameParser(), new GuestParser()]) {
        const got = cutAt(bytes, places).flatMap((chunk) => [...parser.push(chunk)]);
        expect(got.map(plain)).toEqual(frames);
      }
    },
  );

  test.prop([fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 10 })])(
    "random bytes end in frames or a FrameError, and hold no more than one frame",
    (chunks) => {
      const parser = new FrameParser();
      try {
        for (const chunk of chunks) {
          for (const _ of parser.push(Buffer.from(chunk)));
          expect(parser.pendingBytes).toBeLessThan(MAX_HELD_BYTES);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
    },
  );

  test.prop([fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 10 }), frame])(
    "a guest finds the next HELLO after any rubbish and a pad",
    (chunks, later) => {
      const parser = new GuestParser();
      for (const chunk of chunks) parser.push(Buffer.from(chunk));
      const got = parser.push(Buffer.concat([Buffer.alloc(RESYNC_PAD_BYTES), encode(later)]));
      expect(got.map(plain).at(-1)).toEqual(later);
    },
  );

  test.prop([frame, fc.nat(), frame])(
    "a frame cut by a lost peer is dropped, and the one after the pad is not",
    (lost, place, later) => {
      const bytes = encode(lost);
      const parser = new GuestParser();
      const cut = bytes.subarray(0, place % bytes.length);
      const got = parser.push(Buffer.concat([cut, Buffer.alloc(RESYNC_PAD_BYTES), encode(later)]));
      // A cut that lost only zeros lost nothing.
      expect(got.map(plain).at(-1)).toEqual(later);
      expect(got.length).toBeLessThanOrEqual(2);
    },
  );

  test.prop([frame, fc.nat(), fc.integer({ min: 1, max: 255 }), frame])(
    "a damaged trailer drops its frame and only that",
    (damaged, place, flip, later) => {
      const bytes = encode(damaged);
      const at = bytes.length - 1 - (place % TRAILER_BYTES);
      bytes[at] = bytes[at]! ^ flip;
      expect([...new FrameParser().push(Buffer.concat([bytes, encode(later)]))].map(plain)).toEqual([later]);
    },
  );

  test("no frame is larger than a payload may be", () => {
    expect(() => encodeFrame(FrameType.data, 1, 0, Buffer.alloc(MAX_PAYLOAD + 1))).toThrow(RangeError);
    const header = encodeFrame(FrameType.data, 1, 0, Buffer.alloc(0)).subarray(0, HEADER_BYTES);
    header.writeUInt32LE(MAX_PAYLOAD + 1, 8);
    expect(() => [...new FrameParser().push(header)]).toThrow(FrameError);
  });

  test("a large frame byte by byte costs no more than its bytes", () => {
    const bytes = encode({ type: FrameType.data, stream: 7, channel: 1, payload: Buffer.alloc(3000, 1) });
    const parser = new FrameParser();
    const got: Frame[] = [];
    for (const byte of bytes) got.push(...parser.push(Buffer.from([byte])));
    expect(got.length).toBe(1);
    expect(parser.pendingBytes).toBe(0);
  });
});
