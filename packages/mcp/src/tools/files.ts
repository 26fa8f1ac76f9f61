import type { Sandbox } from "@pandastack/sdk";
import { z } from "zod";
import { READ_DEFAULT_BYTES, READ_LIMIT_BYTES, WRITE_LIMIT_CHARACTERS } from "../limits.ts";
import { pageOf } from "../text.ts";
import { sandboxTool } from "../tool.ts";
import { offset, path } from "./arguments.ts";

const REPLACEMENT = "\uFFFD";
/** Bytes of the longest UTF-8 character, but one: what a piece may begin or end in the middle of. */
const CUT_LIMIT_BYTES = 3;

export interface PieceOfFile {
  text: string;
  /** Where the next piece begins; undefined: this was the last. */
  nextOffset: number | undefined;
  totalBytes: number;
}

/** A piece of a file as text; what is none as base64. A piece of text ends at a line's end where there is one. */
export async function readPiece(
  sandbox: Sandbox,
  given: { path: string; offset: number; length: number },
  signal: AbortSignal | undefined,
): Promise<PieceOfFile> {
  const { size } = await sandbox.files.stat(given.path, { signal });
  const stream = await sandbox.files.readStream(given.path, { offset: given.offset, length: given.length, signal });
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const end = given.offset + bytes.length;
  // Files of /proc have no size.
  const isLast = end >= size && bytes.length < given.length ? true : end >= size;
  const whole = isLast ? bytes : untilLineEnd(bytes);
  const text = decode(whole);
  if (text === undefined)
    return {
      text: `[not UTF-8 text; base64]\n${Buffer.from(bytes).toString("base64")}`,
      nextOffset: isLast ? undefined : end,
      totalBytes: size,
    };
  return { text, nextOffset: isLast ? undefined : given.offset + whole.length, totalBytes: Math.max(size, end) };
}

/** Up to the last line's end; where there is none, up to the last whole character. */
function untilLineEnd(bytes: Uint8Array): Uint8Array {
  const newline = bytes.lastIndexOf(10);
  if (newline >= 0) return bytes.subarray(0, newline + 1);
  for (let cut = 0; cut <= CUT_LIMIT_BYTES; cut++) {
    const part = bytes.subarray(0, bytes.length - cut);
    if (decode(part) !== undefined) return part;
  }
  return bytes;
}

/** undefined: it is no text. A piece may begin in the middle of a character, where the caller chose where. */
function decode(bytes: Uint8Array): string | undefined {
  for (let skip = 0; skip <= CUT_LIMIT_BYTES; skip++) {
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(skip));
      return text.includes("\0") ? undefined : `${skip > 0 ? REPLACEMENT : ""}${text}`;
    } catch {
      if ((bytes[skip]! & 0xc0) !== 0x80) return undefined;
    }
  }
  return undefined;
}

/** What was read, and how to read on. */
export function describePiece(piece: PieceOfFile, given: { offset: number }): string {
  const { text, nextOffset, totalBytes } = piece;
  if (nextOffset === undefined) return text === "" ? `[nothing: the file has ${totalBytes} bytes]` : text;
  const until = `bytes ${given.offset} to ${nextOffset} of ${totalBytes}`;
  return `${text}\n[${until}; to read on call again with offset ${nextOffset}]`;
}

export const fileTools = [
  sandboxTool({
    name: "read_file",
    title: "Read a file",
    description: `Read a file, or a piece of it: ${READ_DEFAULT_BYTES} bytes unless length says otherwise. Where there is more, the answer says how to read on. What is not text comes as base64.`,
    input: z.object({
      path,
      offset: z.number().int().min(0).default(0).describe("Byte to begin at."),
      length: z.number().int().min(1).max(READ_LIMIT_BYTES).default(READ_DEFAULT_BYTES).describe("Most bytes."),
    }),
    effect: "reads",
    run: async (args, sandbox, signal) => ({ text: describePiece(await readPiece(sandbox, args, signal), args) }),
  }),
  sandboxTool({
    name: "write_file",
    title: "Write a file",
    description: "Write a file whole; folders above it are made. Longer files: several calls with append.",
    input: z.object({
      path,
      content: z.string().max(WRITE_LIMIT_CHARACTERS),
      append: z.boolean().default(false),
      encoding: z.enum(["utf8", "base64"]).default("utf8"),
      mode: z.string().optional().describe("Octal, such as 755."),
    }),
    effect: "changes",
    run: async (args, sandbox, signal) => {
      const bytes = Buffer.from(args.content, args.encoding);
      await sandbox.files.write(args.path, bytes, { append: args.append, mode: args.mode, signal });
      return { text: `${args.append ? "appended" : "wrote"} ${bytes.length} bytes to ${args.path}` };
    },
  }),
  sandboxTool({
    name: "list_dir",
    title: "List a folder",
    description: "What is in a folder: kind, size, path. With depth, what is in the folders below too.",
    input: z.object({ path: path.default("/root"), depth: z.number().int().min(1).max(8).default(1), offset }),
    effect: "reads",
    run: async (args, sandbox, signal) => {
      const entries = await sandbox.files.list(args.path, { depth: args.depth, signal }).toArray();
      const toLine = (entry: (typeof entries)[number]) =>
        `${entry.type.padEnd(7)}  ${String(entry.size).padStart(10)}  ${entry.path}${entry.is_dir ? "/" : ""}`;
      return { text: pageOf(entries, args.offset, toLine, `${args.path} is empty`) };
    },
  }),
];
