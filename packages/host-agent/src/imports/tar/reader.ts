import { badImage, shown } from "../failures.ts";
import { ByteSource } from "./bytes.ts";
import { BLOCK_BYTES, parseHeader, parsePax, type EntryKind, type RawHeader } from "./header.ts";
import { checkMap, expanded, readOldMap, readPaxMap, type SparseMap } from "./sparse.ts";

/** Of a name or an extended header: they are held. */
const EXTENDED_LIMIT_BYTES = 1024 * 1024;
/** What Linux takes. */
const PATH_LIMIT_BYTES = 4_095;

const KINDS: Readonly<Record<string, EntryKind>> = {
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "dir",
  "6": "fifo",
  "7": "file",
  S: "file",
};

/** One thing in an archive. Names are bytes, one character each. */
export interface TarEntry {
  readonly path: string;
  readonly kind: EntryKind;
  /** Of a file, unpacked: holes count. */
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  /** Of a link. */
  readonly target: string;
  readonly device: readonly [major: number, minor: number];
  /** Of a file; what is not read is passed over. */
  readonly body: AsyncIterable<Buffer>;
}

const padded = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;

/** What is in a tar archive, in its order: POSIX, GNU and old ones. Whatever the bytes are, the end is an entry or a refusal. */
export async function* readTar(chunks: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const source = new ByteSource(chunks);
  try {
    yield* entries(source);
    await source.drain();
  } finally {
    await source.close();
  }
}

async function* entries(source: ByteSource): AsyncGenerator<TarEntry> {
  let extended = new Map<string, string>();
  for (;;) {
    const block = await source.exactly(BLOCK_BYTES);
    const header = block === undefined ? undefined : parseHeader(block);
    if (block === undefined || header === undefined) return;
    if (header.type === "g") await source.skip(padded(header.size));
    else if (header.type === "x") extended = new Map([...extended, ...parsePax(await held(source, header))]);
    else if (header.type === "L" || header.type === "K")
      extended.set(header.type === "L" ? "path" : "linkpath", longName(await held(source, header)));
    else {
      yield* entryOf(source, block, header, extended);
      extended = new Map();
    }
  }
}

async function held(source: ByteSource, { size }: RawHeader): Promise<Buffer> {
  if (size > EXTENDED_LIMIT_BYTES) throw badImage("the archive has an extended header of more than 1 MiB");
  const data = size === 0 ? Buffer.alloc(0) : await source.exactly(padded(size));
  if (data === undefined) throw badImage("the archive ends in the middle of an entry");
  return data.subarray(0, size);
}

const longName = (data: Buffer): string => data.toString("latin1").replace(/\0[^]*$/, "");

async function* entryOf(
  source: ByteSource,
  block: Buffer,
  header: RawHeader,
  pax: ReadonlyMap<string, string>,
): AsyncGenerator<TarEntry> {
  const path = pax.get("GNU.sparse.name") ?? pax.get("path") ?? header.path;
  const target = pax.get("linkpath") ?? header.target;
  const kind = header.type === "0" && path.endsWith("/") ? "dir" : KINDS[header.type];
  if (kind === undefined)
    throw badImage(`${shown(path)} is of the unknown kind ${shown(header.type)}; write the archive with --format=pax`);
  if (path.length > PATH_LIMIT_BYTES || target.length > PATH_LIMIT_BYTES)
    throw badImage(`${shown(path.slice(0, 100))}… is longer than a path can be`);
  const stored = numberIn(pax, "size") ?? header.size;
  const end = source.position;
  const sparse = kind === "file" ? await sparseOf(source, block, header, pax, stored) : undefined;
  const before = source.position;
  const storedEnd = header.type === "S" ? before + stored : end + stored;
  const size = kind === "file" ? (sparse?.size ?? stored) : 0;
  const body = sparse === undefined ? source.pieces(kind === "file" ? stored : 0) : expanded(sparse, source);
  yield {
    path,
    kind,
    size,
    mode: header.mode,
    uid: numberIn(pax, "uid") ?? header.uid,
    gid: numberIn(pax, "gid") ?? header.gid,
    mtime: Math.floor(numberIn(pax, "mtime") ?? header.mtime),
    target,
    device: [header.major, header.minor],
    body,
  };
  // Of the other kinds some tars say a size, and none writes anything.
  if (kind === "file") await source.skip(storedEnd - source.position + (padded(stored) - stored));
}

async function sparseOf(
  source: ByteSource,
  block: Buffer,
  header: RawHeader,
  pax: ReadonlyMap<string, string>,
  stored: number,
): Promise<SparseMap | undefined> {
  if (header.type === "S") return checkMap(await readOldMap(block, source), stored);
  const found = await readPaxMap(pax, source);
  return found === undefined ? undefined : checkMap(found.map, stored - found.readBytes);
}

function numberIn(pax: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = pax.get(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,16}(\.\d+)?$/.test(text)
    ? Number(text)
    : name === "mtime" && text.startsWith("-")
      ? 0
      : undefined;
  if (value === undefined) throw badImage(`the archive says ${shown(text.slice(0, 40))} for ${name}`);
  return value;
}
