import { Readable } from "node:stream";
import type { FileInfo } from "@pandastack/contracts";
import type { FileEntry } from "@pandastack/contracts/host";
import { fileInfo } from "./entries.ts";

/** Entries that are gathered into one chunk of the reply. */
const CHUNK_ENTRIES = 200;

/** `{path, entries: […]}` written as the entries come: a folder may hold a million. */
export async function* listingText(path: string, entries: AsyncIterable<FileEntry>): AsyncGenerator<string> {
  let text = `{"path":${JSON.stringify(path)},"entries":[`;
  let count = 0;
  for await (const entry of entries) {
    text += (count === 0 ? "" : ",") + JSON.stringify(fileInfo(entry) satisfies FileInfo);
    count += 1;
    if (count % CHUNK_ENTRIES === 0) {
      yield text;
      text = "";
    }
  }
  yield `${text}]}`;
}

export async function firstThenRest<T>(source: AsyncGenerator<T>): Promise<AsyncGenerator<T>> {
  const first = await source.next();
  return (async function* () {
    if (first.done === true) return;
    yield first.value;
    yield* source;
  })();
}

export const textStream = (source: AsyncIterable<string>): Readable => Readable.from(source, { objectMode: false });
