import { readdirSync, statSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { PandaStackError } from "../errors/errors.ts";

const BLOCK_BYTES = 512;
/** What a header has room for. Names in a layout are shorter. */
const NAME_LIMIT_BYTES = 100;
/** What a header can say. */
const SIZE_LIMIT_BYTES = 8 * 1024 ** 3;

const bad = (text: string): PandaStackError => new PandaStackError(text, { code: "client.local_file" });

/** Not every runtime has it, and only these uploads need it. */
async function blobOf(path: string): Promise<Blob> {
  const { openAsBlob } = await import("node:fs");
  return openAsBlob(path);
}

/** A file of this machine, read as it is sent. */
export async function localFile(path: string): Promise<File> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw bad(`${path}: no such file`);
  if (!stats.isFile()) throw bad(`${path}: is no file`);
  return new File([await blobOf(path)], basename(path));
}

/** An image's file as it is; a folder with its layout as one tar archive, whose files are read as they are sent. */
export async function layoutFile(path: string): Promise<File> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw bad(`${path}: no such file or folder`);
  if (!stats.isDirectory()) return localFile(path);
  const parts: (Blob | Uint8Array<ArrayBuffer>)[] = [];
  for (const file of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const full = join(file.parentPath, file.name);
    const content = await blobOf(full);
    const name = relative(path, full).split(sep).join("/");
    parts.push(header(name, content.size), content, new Uint8Array(-content.size & (BLOCK_BYTES - 1)));
  }
  return new File([...parts, new Uint8Array(2 * BLOCK_BYTES)], basename(path));
}

function header(name: string, size: number): Uint8Array<ArrayBuffer> {
  if (Buffer.byteLength(name) > NAME_LIMIT_BYTES) throw bad(`${name}: no image's layout has such a file`);
  if (size >= SIZE_LIMIT_BYTES) throw bad(`${name}: is larger than 8 GiB`);
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0);
  block.write(
    `0000644\0${"0000000\0".repeat(2)}${size.toString(8).padStart(11, "0")}\0${"0".repeat(11)}\0        0`,
    100,
  );
  block.write("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return new Uint8Array(block);
}
