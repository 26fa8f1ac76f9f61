import { createHash } from "node:crypto";
import { archiveEnd, padding, tarHeader, type WrittenEntry } from "../../src/imports/tar/index.ts";

export type Made = Partial<WrittenEntry> & {
  readonly path: string;
  readonly text?: string;
  readonly device?: [number, number];
};

/** A tar archive of what is said, with folders and links by their kind. */
export function tarOf(entries: readonly Made[]): Buffer {
  const blocks = entries.flatMap(({ text, device, ...entry }) => {
    const data = Buffer.from(text ?? "", "latin1");
    const kind = entry.kind ?? (entry.path.endsWith("/") ? "dir" : "file");
    const plain = { mode: kind === "dir" ? 0o755 : 0o644, uid: 0, gid: 0, mtime: 1, size: data.length, ...entry, kind };
    const header = tarHeader(plain);
    return [device === undefined ? header : withDevice(header, device), data, padding(data.length)];
  });
  return Buffer.concat([...blocks, archiveEnd()]);
}

function withDevice(header: Buffer, [major, minor]: [number, number]): Buffer {
  header.write(`${major.toString(8).padStart(7, "0")}\0${minor.toString(8).padStart(7, "0")}\0`, 329, "latin1");
  return resummed(header);
}

/** After a change of a header's bytes. */
export function resummed(header: Buffer): Buffer {
  header.write("        ", 148, "latin1");
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

export async function* inPieces(bytes: Buffer, size = 700): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export const sha256 = (bytes: Buffer | string): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
export const SHELL: Made = { path: "bin/sh", text: "#!", mode: 0o755 };
