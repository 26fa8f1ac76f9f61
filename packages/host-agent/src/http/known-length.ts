import { Readable } from "node:stream";
import type { FileEntry } from "@pandastack/contracts/host";
import { Fault } from "@pandastack/platform";

/** Read before anything is answered: up to here, what is sent is what was counted, whatever the file's size claims. */
const COUNTED_BYTES = 65_536;

export interface KnownLength {
  readonly body: Readable;
  /** Exactly as many bytes as `body` has, or breaks off before; undefined where nobody can know. */
  readonly lengthBytes: number | undefined;
}

/** What a file's entry promises of a piece of it; undefined for what has no size: devices, pipes, most of /proc. */
export function promisedLength(entry: FileEntry, range: { offset?: number; length?: number }): number | undefined {
  if (entry.type !== "file" || entry.size === 0) return undefined;
  const left = Math.max(0, entry.size - (range.offset ?? 0));
  return Math.min(left, range.length ?? left);
}

/**
 * A file's content with its length, so that a client can show how far it is and sees that something is missing. The size of a
 * file is a claim: those of /sys say 4096 and have less, logs grow. So short content is counted; of longer content as much is
 * sent as was promised, and one that turns out shorter breaks off.
 */
export async function withKnownLength(body: Readable, promised: number | undefined): Promise<KnownLength> {
  if (promised === undefined) return { body, lengthBytes: undefined };
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const counted: Buffer[] = [];
  let bytes = 0;
  while (bytes < COUNTED_BYTES) {
    const next = await chunks.next();
    if (next.done === true) return { body: Readable.from(counted, { objectMode: false }), lengthBytes: bytes };
    counted.push(next.value);
    bytes += next.value.length;
  }
  // More has come than was promised: the promise is worth nothing.
  const lengthBytes = bytes > promised ? undefined : promised;
  return { body: Readable.from(upTo(counted, chunks, lengthBytes), { objectMode: false }), lengthBytes };
}

async function* upTo(
  counted: Buffer[],
  rest: AsyncIterator<Buffer>,
  lengthBytes: number | undefined,
): AsyncGenerator<Buffer> {
  let left = lengthBytes ?? Infinity;
  try {
    for (const chunk of counted) yield chunk;
    left -= counted.reduce((sum, chunk) => sum + chunk.length, 0);
    while (left > 0) {
      const next = await rest.next();
      if (next.done === true) break;
      yield next.value.subarray(0, left);
      left -= Math.min(left, next.value.length);
    }
  } finally {
    await rest.return?.();
  }
  if (lengthBytes !== undefined && left > 0)
    throw new Fault("file.io_error", "the file became shorter while it was read; read it again");
}
