import { describe, expect, test } from "vitest";
import {
  encodeFrame,
  FrameParser,
  FrameType,
  HEADER_BYTES,
  INITIAL_CREDIT,
  MAX_PAYLOAD,
  RESYNC_PAD_BYTES,
  TRAILER_BYTES,
  type Frame,
} from "../../src/guest/frames.ts";
import { GuestParser } from "../../src/runtimes/fake/agent/parser.ts";
import { bytesOf, golden, nameOf, payloadOf } from "./golden.ts";

describe("golden frames", () => {
  test("both sides agree on the constants", () => {
    expect(golden.constants).toMatchObject({
      max_payload: MAX_PAYLOAD,
      initial_credit: INITIAL_CREDIT,
      resync_pad: RESYNC_PAD_BYTES,
      header_bytes: HEADER_BYTES,
      trailer_bytes: TRAILER_BYTES,
    });
    expect(Object.values(golden.frame_types).sort((a, b) => a - b)).toEqual(
      Object.values(FrameType).sort((a, b) => a - b),
    );
  });

  test.each(golden.frames)("$name: encodes and decodes", (frame) => {
    const bytes = Buffer.from(frame.bytes_hex, "hex");
    expect(
      encodeFrame(frame.type_byte as FrameType, frame.stream, frame.channel, payloadOf(frame)).toString("hex"),
    ).toBe(frame.bytes_hex);
    expect([...new FrameParser().push(bytes)].map(nameOf)).toEqual([frame.name]);
  });

  const hostCases = golden.resync.filter((one) => one.parser === "both");
  test.each(hostCases)("the host's parser: $name", ({ chunks, expect: expected }) => {
    const parser = new FrameParser();
    expect(chunks.flatMap((chunk) => [...parser.push(bytesOf(chunk))]).map(nameOf)).toEqual(expected);
  });

  const guestCases = golden.resync.filter((one) => one.parser !== "host");
  test.each(guestCases)("the fake guest's parser: $name", ({ chunks, expect: expected }) => {
    const parser = new GuestParser();
    const frames: Frame[] = chunks.flatMap((chunk) => parser.push(bytesOf(chunk)));
    expect(frames.map(nameOf)).toEqual(expected);
  });
});
