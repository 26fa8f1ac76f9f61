import { readFileSync } from "node:fs";

type Chunk = string | { repeat_hex: string; count: number };

export interface GoldenFrame {
  name: string;
  from: "host" | "guest";
  type: string;
  type_byte: number;
  channel: number;
  stream: number;
  payload_utf8?: string;
  payload_hex?: string;
  bytes_hex: string;
}

export interface GoldenResync {
  name: string;
  parser: "both" | "guest" | "host";
  nonce?: string;
  chunks: Chunk[];
  expect: string[];
}

interface Golden {
  constants: Record<string, number>;
  frame_types: Record<string, number>;
  frames: GoldenFrame[];
  resync: GoldenResync[];
}

/** Frames that both sides of the protocol test against; written by the guest agent's author. */
export const golden = JSON.parse(
  readFileSync(new URL("../../../../tests/golden/guest-protocol.json", import.meta.url), "utf8"),
) as Golden;

export function bytesOf(chunk: Chunk): Buffer {
  return typeof chunk === "string"
    ? Buffer.from(chunk, "hex")
    : Buffer.alloc(chunk.count, Buffer.from(chunk.repeat_hex, "hex"));
}

export function payloadOf(frame: GoldenFrame): Buffer {
  return frame.payload_utf8 === undefined
    ? Buffer.from(frame.payload_hex ?? "", "hex")
    : Buffer.from(frame.payload_utf8);
}

/** The name of a frame among the golden ones, by its bytes. */
export function nameOf(frame: { type: number; stream: number; channel: number; payload: Buffer }): string {
  const found = golden.frames.find(
    (one) =>
      one.type_byte === frame.type &&
      one.stream === frame.stream &&
      one.channel === frame.channel &&
      payloadOf(one).equals(frame.payload),
  );
  return found?.name ?? `type ${frame.type}, stream ${frame.stream}, ${frame.payload.length} bytes`;
}
