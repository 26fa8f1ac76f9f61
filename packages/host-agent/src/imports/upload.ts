import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readFile, statfs } from "node:fs/promises";
import { join, posix } from "node:path";
import { PassThrough, type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Refusal } from "@pandastack/platform";
import { asRefusal, decompressorFor } from "./compression.ts";
import { badImage, shown } from "./failures.ts";
import { readLayout, type LocalImage, type StoredFile } from "./layout.ts";
import { ByteSource, readTar } from "./tar/index.ts";

/** Files of a layout: an image of 256 layers has a few more. */
const FILES_LIMIT = 2_000;
/** What the disk must have left: others write there, too. */
export const RESERVE_BYTES = 1024 ** 3;
/** How often that is looked at. */
const LOOK_BYTES = 64 * 1024 ** 2;
const MAGIC_BYTES = 6;

/** Where something is written, and how much of it. */
export interface Place {
  readonly folder: string;
  readonly limitBytes: number;
  readonly reserveBytes: number;
}

/** Counts and hashes what goes through, and stops it where the disk or the limit ends. */
class Meter extends Transform {
  bytes = 0;
  readonly #hash = createHash("sha256");
  readonly #place: Place;
  #lookAt = 0;

  constructor(place: Place) {
    super();
    this.#place = place;
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error?: Error | null, data?: Buffer) => void): void {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
    const { limitBytes } = this.#place;
    if (this.bytes > limitBytes) return done(tooLarge(limitBytes));
    if (this.bytes < this.#lookAt) return done(null, chunk);
    this.#lookAt = this.bytes + LOOK_BYTES;
    requireSpace(this.#place).then(
      () => done(null, chunk),
      (error: Error) => done(error),
    );
  }

  get digest(): string {
    return `sha256:${this.#hash.copy().digest("hex")}`;
  }
}

const tooLarge = (limitBytes: number): Refusal =>
  new Refusal("validation.body_too_large", `the upload is larger than ${limitBytes / 1024 ** 3} GiB`);

export async function requireSpace({ folder, reserveBytes }: Omit<Place, "limitBytes">): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < reserveBytes)
    throw new Refusal(
      "capacity.insufficient_storage",
      `the host's disk has less than ${reserveBytes / 1024 ** 3} GiB left`,
    );
}

/** A stream into one file of `folder`; nothing of it is held. */
export async function storeStream(body: AsyncIterable<Buffer>, path: string, place: Place): Promise<StoredFile> {
  const meter = new Meter(place);
  await pipeline(body, meter, createWriteStream(path, { mode: 0o600 }));
  return { path, size: meter.bytes, digest: meter.digest };
}

/**
 * An image that somebody sends as a tar archive: a layout's files become files of `folder` as they come, under numbers for names,
 * so that no name in the archive is ever a path here.
 */
export async function storeLayout(body: Readable, place: Place): Promise<LocalImage> {
  const files = new Map<string, StoredFile>();
  const links = new Map<string, string>();
  let left = place.limitBytes;
  for await (const entry of readTar(await decompressed(body))) {
    const name = posix.normalize(entry.path);
    if (entry.kind === "symlink") links.set(name, posix.join(posix.dirname(name), entry.target));
    if (entry.kind === "link") links.set(name, posix.normalize(entry.target));
    if (files.size + links.size > FILES_LIMIT)
      throw badImage(`there are more than ${FILES_LIMIT} files in it; is it a layout?`);
    if (entry.kind !== "file") continue;
    if (entry.size > left)
      throw badImage(`its files are more than ${place.limitBytes / 1024 ** 3} GiB (at ${shown(name)})`);
    const path = join(place.folder, String(files.size));
    files.set(name, await storeStream(entry.body, path, { ...place, limitBytes: left }));
    left -= entry.size;
  }
  for (const [name, target] of links) {
    const file = files.get(target);
    if (file !== undefined && !files.has(name)) files.set(name, file);
  }
  return readLayout(files, ({ path }) => readFile(path));
}

async function decompressed(body: Readable): Promise<AsyncIterable<Buffer>> {
  const source = new ByteSource(body as AsyncIterable<Buffer>);
  const magic = await source.exactly(MAGIC_BYTES);
  if (magic === undefined) throw badImage("there is nothing in it");
  const whole = new PassThrough();
  const decompressor = decompressorFor(magic);
  async function* joined(): AsyncGenerator<Buffer> {
    yield magic!;
    yield* source.rest();
  }
  if (decompressor === undefined) return joined();
  void pipeline(joined, decompressor, whole).catch((error: Error) => whole.destroy(error));
  return asRefusal(whole);
}
