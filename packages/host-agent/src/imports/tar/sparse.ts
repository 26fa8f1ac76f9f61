import { badImage } from "../failures.ts";
import type { ByteSource } from "./bytes.ts";
import { BLOCK_BYTES, readNumber } from "./header.ts";

/** Pieces of one file that are in the archive; the rest of it is zeros. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
}
export interface SparseMap {
  readonly size: number;
  readonly segments: readonly Segment[];
}

/** More than any file system's tool writes for a file of the size that is allowed. */
const SEGMENTS_LIMIT = 100_000;
const ZEROS = Buffer.alloc(64 * 1024);

const wrong = (): Error => badImage("the archive has a file with holes whose map is wrong");

/** In order, within the file, and of as many bytes as are there. */
export function checkMap(map: SparseMap, storedBytes: number): SparseMap {
  let [end, stored] = [0, 0];
  for (const { offset, length } of map.segments) {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < end || length < 0) throw wrong();
    end = offset + length;
    stored += length;
  }
  if (map.segments.length > SEGMENTS_LIMIT || end > map.size || stored !== storedBytes) throw wrong();
  return map;
}

/** GNU's old kind: four pieces in the header itself, and 21 in each block behind it while a flag says so. */
export async function readOldMap(header: Buffer, source: ByteSource): Promise<SparseMap> {
  const segments: Segment[] = [];
  const add = (block: Buffer, at: number, count: number): void => {
    for (let index = 0; index < count; index++) {
      const [offset, length] = [readNumber(block, at + index * 24, 12), readNumber(block, at + index * 24 + 12, 12)];
      if (block[at + index * 24] !== 0) segments.push({ offset, length });
    }
  };
  add(header, 386, 4);
  for (let isMore = header[482] !== 0; isMore;) {
    const block = await source.exactly(BLOCK_BYTES);
    if (block === undefined || segments.length > SEGMENTS_LIMIT) throw wrong();
    add(block, 0, 21);
    isMore = block[504] !== 0;
  }
  return { size: readNumber(header, 483, 12), segments };
}

/** The kinds that extended headers tell of: 0.1 has its map there, 1.0 as lines of numbers before the data. */
export async function readPaxMap(
  pax: ReadonlyMap<string, string>,
  source: ByteSource,
): Promise<{ map: SparseMap; readBytes: number } | undefined> {
  const size = numberOf(pax.get("GNU.sparse.realsize") ?? pax.get("GNU.sparse.size"));
  if (pax.get("GNU.sparse.major") === "1") {
    if (size === undefined) throw wrong();
    const { numbers, readBytes } = await readLines(source);
    return { map: { size, segments: paired(numbers) }, readBytes };
  }
  const text = pax.get("GNU.sparse.map");
  if (text === undefined) {
    if (pax.has("GNU.sparse.numblocks")) throw wrong();
    return undefined;
  }
  if (size === undefined) throw wrong();
  return { map: { size, segments: paired(text.split(",").map((part) => numberOf(part) ?? -1)) }, readBytes: 0 };
}

async function readLines(source: ByteSource): Promise<{ numbers: number[]; readBytes: number }> {
  const numbers: number[] = [];
  let readBytes = 0;
  let digits = "";
  while (numbers.length === 0 || numbers.length < 1 + numbers[0]! * 2) {
    const block = await source.exactly(BLOCK_BYTES);
    if (block === undefined) throw wrong();
    readBytes += block.length;
    for (const byte of block) {
      if (byte !== 0x0a) digits += String.fromCharCode(byte);
      else {
        numbers.push(numberOf(digits) ?? -1);
        digits = "";
        if (numbers.at(-1) === -1 || numbers[0]! > SEGMENTS_LIMIT) throw wrong();
        if (numbers.length === 1 + numbers[0]! * 2) break;
      }
      if (digits.length > 20) throw wrong();
    }
  }
  return { numbers: numbers.slice(1), readBytes };
}

function paired(numbers: readonly number[]): Segment[] {
  if (numbers.length % 2 !== 0) throw wrong();
  return Array.from({ length: numbers.length / 2 }, (_, index) => ({
    offset: numbers[index * 2]!,
    length: numbers[index * 2 + 1]!,
  }));
}

const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;

/** The file as it is when it is unpacked, holes and all. */
export async function* expanded({ size, segments }: SparseMap, source: ByteSource): AsyncGenerator<Buffer> {
  let at = 0;
  for (const { offset, length } of segments) {
    yield* zeros(offset - at);
    yield* source.pieces(length);
    at = offset + length;
  }
  yield* zeros(size - at);
}

function* zeros(length: number): Generator<Buffer> {
  for (let missing = length; missing > 0; missing -= ZEROS.length) yield ZEROS.subarray(0, missing);
}
