import { badImage, shown } from "../failures.ts";

export const BLOCK_BYTES = 512;
const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;

export type EntryKind = "file" | "link" | "symlink" | "char" | "block" | "dir" | "fifo";

/** A header's own fields, before what extended headers say instead. */
export interface RawHeader {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly target: string;
  readonly major: number;
  readonly minor: number;
}

const text = (block: Buffer, at: number, length: number): string => {
  const end = block.indexOf(0, at);
  return block.toString("latin1", at, end === -1 || end > at + length ? at + length : end);
};

/** Octal, or in GNU's way the number itself behind a first byte of 0x80. */
export function readNumber(block: Buffer, at: number, length: number): number {
  const first = block[at]!;
  if (first === 0xff) return -1;
  if (first === 0x80) {
    let value = 0;
    for (let index = at + 1; index < at + length; index++) value = value * 256 + block[index]!;
    if (!Number.isSafeInteger(value)) throw badImage("the archive has a number that is too large");
    return value;
  }
  const digits = text(block, at, length).trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits))
    throw badImage("it is no tar archive, or a damaged one: a header has a number that is none");
  return Number.parseInt(digits, 8);
}

/** Undefined: a block of zeros, with which archives end. */
export function parseHeader(block: Buffer): RawHeader | undefined {
  if (block[0] === 0 && block.every((byte) => byte === 0)) return undefined;
  const said = readNumber(block, CHECKSUM_AT, CHECKSUM_BYTES);
  let sum = CHECKSUM_BYTES * 0x20;
  for (let index = 0; index < CHECKSUM_AT; index++) sum += block[index]!;
  for (let index = CHECKSUM_AT + CHECKSUM_BYTES; index < block.length; index++) sum += block[index]!;
  if (sum !== said) throw badImage("it is no tar archive, or a damaged one: a header's checksum is wrong");
  const prefix = block.toString("latin1", 257, 263) === "ustar\0" ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const size = readNumber(block, 124, 12);
  if (size < 0) throw badImage(`${shown(name)} has a size below zero`);
  return {
    path: prefix === "" ? name : `${prefix}/${name}`,
    type: block[156] === 0 ? "0" : String.fromCharCode(block[156]!),
    size,
    mode: readNumber(block, 100, 8) & 0o7777,
    uid: Math.max(0, readNumber(block, 108, 8)),
    gid: Math.max(0, readNumber(block, 116, 8)),
    mtime: Math.max(0, readNumber(block, 136, 12)),
    target: text(block, 157, 100),
    major: readNumber(block, 329, 8),
    minor: readNumber(block, 337, 8),
  };
}

/** `LENGTH key=value\n`, again and again; a later one of a key counts. */
export function parsePax(data: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const digits = space === -1 ? "" : data.toString("latin1", at, space);
    const end = /^[1-9]\d{0,9}$/.test(digits) ? at + Number(digits) : 0;
    if (end <= space + 2 || end > data.length || data[end - 1] !== 0x0a)
      throw badImage("the archive has an extended header that is not whole");
    const record = data.toString("latin1", space + 1, end - 1);
    const equals = record.indexOf("=");
    if (equals < 1) throw badImage("the archive has an extended header without a name");
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}
