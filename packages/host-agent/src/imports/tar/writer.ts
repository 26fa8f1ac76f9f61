import { BLOCK_BYTES, type EntryKind } from "./header.ts";

export interface WrittenEntry {
  readonly path: string;
  readonly kind: EntryKind;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly target?: string;
}

const TYPES: Readonly<Record<EntryKind, string>> = {
  file: "0",
  link: "1",
  symlink: "2",
  char: "3",
  block: "4",
  dir: "5",
  fifo: "6",
};
const NAME_BYTES = 100;
const OCTAL_7 = 0o7777777;
const OCTAL_11 = 0o77777777777;

/** Zeros up to the next block. */
export const padding = (bytes: number): Buffer => Buffer.alloc((BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES);
/** With which an archive ends. */
export const archiveEnd = (): Buffer => Buffer.alloc(2 * BLOCK_BYTES);

/** A header in POSIX' format, behind an extended one for what does not fit into it. */
export function tarHeader(entry: WrittenEntry): Buffer {
  const { path, target = "", size, uid, gid } = entry;
  const records = [
    ...(path.length > NAME_BYTES ? [["path", path]] : []),
    ...(target.length > NAME_BYTES ? [["linkpath", target]] : []),
    ...(size > OCTAL_11 ? [["size", String(size)]] : []),
    ...(uid > OCTAL_7 ? [["uid", String(uid)]] : []),
    ...(gid > OCTAL_7 ? [["gid", String(gid)]] : []),
  ].map(([key, value]) => paxRecord(key!, value!));
  const plain = block(TYPES[entry.kind], entry);
  if (records.length === 0) return plain;
  const data = Buffer.concat(records);
  const about = { path: "extended", kind: "file", size: data.length, mode: 0o644, uid: 0, gid: 0, mtime: 0 } as const;
  return Buffer.concat([block("x", about), data, padding(data.length), plain]);
}

/** Its length counts the digits of its length. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.from(`${length}${rest}`, "latin1");
}

function block(type: string, { path, target = "", size, mode, uid, gid, mtime }: WrittenEntry): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (at: number, length: number, value: number, most: number): void => {
    header.write(
      `${Math.min(value, most)
        .toString(8)
        .padStart(length - 1, "0")}\0`,
      at,
      "latin1",
    );
  };
  header.write(path.slice(0, NAME_BYTES), 0, "latin1");
  octal(100, 8, mode, OCTAL_7);
  octal(108, 8, uid, OCTAL_7);
  octal(116, 8, gid, OCTAL_7);
  octal(124, 12, size, OCTAL_11);
  octal(136, 12, mtime, OCTAL_11);
  header.write(`        ${type}`, 148, "latin1");
  header.write(target.slice(0, NAME_BYTES), 157, "latin1");
  header.write("ustar\u000000", 257, "latin1");
  octal(
    148,
    7,
    header.reduce((sum, byte) => sum + byte, 0),
    OCTAL_7,
  );
  return header;
}
