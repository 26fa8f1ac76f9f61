export { ByteSource } from "./bytes.ts";
export { type EntryKind } from "./header.ts";
export { readTar, type TarEntry } from "./reader.ts";
export { archiveEnd, padding, tarHeader, type WrittenEntry } from "./writer.ts";
