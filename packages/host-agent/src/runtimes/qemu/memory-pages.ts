import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync, writeSync } from "node:fs";

const PAGE_BYTES = 4096;
const ENTRY_BYTES = 8;
/** One read and one write of a run of dirty pages; larger buffers gain nothing. */
const COPY_BYTES = 1_048_576;

interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly fileOffset: number;
}

/** Pages of a memory file that follow each other: the first one's number, and how many. */
export type PageRun = readonly [first: number, count: number];

export interface DirtyPages {
  readonly bytes: number;
  readonly runs: readonly PageRun[];
}

/**
 * Writes the pages that a stopped machine has changed since its memory file was mapped over a copy of that file. A changed
 * page of a private mapping is present (bit 63 of its pagemap entry) or swapped out (62), and not file-backed (61).
 * Answers which were written.
 */
export function writeDirtyPages(options: { pid: number; memoryFile: string; target: string }): DirtyPages {
  const mappings = findMappings(options.pid, options.memoryFile);
  const pagemap = openSync(`/proc/${options.pid}/pagemap`, "r");
  const memory = openSync(`/proc/${options.pid}/mem`, "r");
  const target = openSync(options.target, "r+");
  try {
    const runs = mappings.flatMap((mapping) => copyMapping(mapping, pagemap, memory, target));
    return { bytes: bytesOf(runs), runs };
  } finally {
    closeSync(pagemap);
    closeSync(memory);
    closeSync(target);
  }
}

/**
 * Gives a stopped machine pages of another file than the one that its memory is mapped from, as if its guest had written them
 * itself. The other way round of `writeDirtyPages`.
 */
export function placePages(options: {
  pid: number;
  memoryFile: string;
  source: string;
  runs: readonly PageRun[];
}): undefined {
  const mappings = findMappings(options.pid, options.memoryFile);
  const memory = openSync(`/proc/${options.pid}/mem`, "r+");
  const source = openSync(options.source, "r");
  try {
    const buffer = Buffer.allocUnsafeSlow(COPY_BYTES);
    for (const [first, count] of options.runs)
      for (let at = first * PAGE_BYTES, end = (first + count) * PAGE_BYTES; at < end;) {
        const { start, fileOffset, length } = mappingAt(mappings, at);
        const piece = buffer.subarray(0, Math.min(end - at, fileOffset + length - at, COPY_BYTES));
        readFully(source, piece, at);
        for (let done = 0; done < piece.length;)
          done += writeSync(memory, piece, done, piece.length - done, start + (at - fileOffset) + done);
        at += piece.length;
      }
  } finally {
    closeSync(memory);
    closeSync(source);
  }
}

export const bytesOf = (runs: readonly PageRun[]): number =>
  runs.reduce((sum, [, count]) => sum + count * PAGE_BYTES, 0);

function mappingAt(mappings: readonly Mapping[], offset: number): Mapping & { length: number } {
  for (const mapping of mappings) {
    const length = mapping.end - mapping.start;
    if (offset >= mapping.fileOffset && offset < mapping.fileOffset + length) return { ...mapping, length };
  }
  throw new Error(`byte ${offset} of a machine's memory is not mapped`);
}

/** By inode: the path in /proc/PID/maps is the jail's. */
function findMappings(pid: number, memoryFile: string): Mapping[] {
  const { ino } = statSync(memoryFile);
  const found: Mapping[] = [];
  for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
    const fields = line.split(/\s+/, 6);
    if (Number(fields[4]) !== ino || !fields[5]?.endsWith("/memory")) continue;
    const [start, end] = fields[0]!.split("-").map((hex) => Number.parseInt(hex, 16));
    found.push({ start: start!, end: end!, fileOffset: Number.parseInt(fields[2]!, 16) });
  }
  if (found.length === 0) throw new Error(`process ${pid} does not map ${memoryFile}`);
  return found;
}

function copyMapping(mapping: Mapping, pagemap: number, memory: number, target: number): PageRun[] {
  const pages = (mapping.end - mapping.start) / PAGE_BYTES;
  const entries = Buffer.allocUnsafeSlow(pages * ENTRY_BYTES);
  readFully(pagemap, entries, (mapping.start / PAGE_BYTES) * ENTRY_BYTES);
  const words = new Uint32Array(entries.buffer, entries.byteOffset, pages * 2);
  const isDirty = (page: number): boolean => {
    const high = words[page * 2 + 1]!;
    return (high & 0xc0000000) !== 0 && (high & 0x20000000) === 0;
  };
  const buffer = Buffer.allocUnsafeSlow(COPY_BYTES);
  const runs: PageRun[] = [];
  for (let page = 0; page < pages; page++) {
    if (!isDirty(page)) continue;
    let end = page + 1;
    while (end < pages && end - page < COPY_BYTES / PAGE_BYTES && isDirty(end)) end++;
    const run = buffer.subarray(0, (end - page) * PAGE_BYTES);
    readFully(memory, run, mapping.start + page * PAGE_BYTES);
    writeSync(target, run, 0, run.length, mapping.fileOffset + page * PAGE_BYTES);
    runs.push([mapping.fileOffset / PAGE_BYTES + page, end - page]);
    page = end - 1;
  }
  return runs;
}

function readFully(fd: number, buffer: Buffer, position: number): void {
  for (let done = 0; done < buffer.length;) {
    const count = readSync(fd, buffer, done, buffer.length - done, position + done);
    if (count === 0) throw new Error(`short read at ${position + done}${fstatSync(fd).isFile() ? " of a file" : ""}`);
    done += count;
  }
}
