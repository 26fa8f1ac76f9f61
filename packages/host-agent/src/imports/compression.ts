import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable, Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { badImage } from "./failures.ts";

const MAGIC_BYTES = 6;
const OTHERS: readonly (readonly [magic: string, name: string])[] = [
  ["fd377a585a00", "xz"],
  ["425a68", "bzip2"],
  ["504b0304", "zip"],
];

/** By what it begins with; names and media types lie. */
export function decompressorFor(magic: Buffer): Transform | undefined {
  const hex = magic.toString("hex");
  if (hex.startsWith("1f8b")) return createGunzip();
  if (hex.startsWith("28b52ffd")) return createZstdDecompress();
  const other = OTHERS.find(([start]) => hex.startsWith(start));
  if (other !== undefined) throw badImage(`it is compressed with ${other[1]}; gzip, zstd and plain tar are taken`);
  return undefined;
}

/** A file's bytes, decompressed. `passed` sees them as they lie there. */
export async function* contentOf(path: string): AsyncGenerator<Buffer> {
  const streams: Readable[] = [];
  try {
    const file = createReadStream(path);
    streams.push(file);
    const decompressor = decompressorFor(await firstBytes(path));
    if (decompressor === undefined) return yield* file as AsyncIterable<Buffer>;
    streams.push(decompressor);
    file.once("error", (error) => decompressor.destroy(error));
    yield* asRefusal(file.pipe(decompressor));
  } finally {
    for (const stream of streams) stream.destroy();
  }
}

/** What a decompressor finds wrong is wrong with the archive. */
export async function* asRefusal(stream: Readable): AsyncGenerator<Buffer> {
  try {
    yield* stream as AsyncIterable<Buffer>;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (/^(Z_|ZSTD_|ERR_)/.test(code) || (error as { errno?: number }).errno !== undefined)
      throw badImage(`its compression is damaged: ${(error as Error).message}`);
    throw error;
  }
}

async function firstBytes(path: string): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC_BYTES), 0, MAGIC_BYTES, 0);
  return buffer.subarray(0, bytesRead);
}
