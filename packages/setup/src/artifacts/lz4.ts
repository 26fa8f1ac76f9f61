/**
 * The kernel's lz4: magic, then blocks of `u32 length, lz4 block`, each of at most 8 MiB when decompressed. Node has no lz4.
 * Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */
export function decompressLz4Legacy(stream: Buffer, size: number): Buffer {
  const out = Buffer.alloc(size);
  let written = 0;
  for (let at = 4; at + 4 <= stream.length;) {
    const length = stream.readUInt32LE(at);
    if (length === 0 || at + 4 + length > stream.length) throw new Error("lz4: block ends outside the file");
    written = decompressBlock(stream.subarray(at + 4, at + 4 + length), out, written);
    at += 4 + length;
  }
  if (written !== size) throw new Error(`lz4: ${written} bytes came out, ${size} were announced`);
  return out;
}

/** Returns where in `out` the block ended. */
function decompressBlock(block: Buffer, out: Buffer, start: number): number {
  let from = 0;
  let to = start;
  const readLength = (nibble: number): number => {
    let length = nibble;
    if (nibble === 15) {
      let byte = 255;
      while (byte === 255) length += byte = block[from++] as number;
    }
    return length;
  };
  while (from < block.length) {
    const token = block[from++] as number;
    const literals = readLength(token >> 4);
    block.copy(out, to, from, from + literals);
    from += literals;
    to += literals;
    if (from >= block.length) break;
    const distance = block.readUInt16LE(from);
    from += 2;
    if (distance === 0 || distance > to - start) throw new Error("lz4: a match begins before the block");
    const length = readLength(token & 15) + 4;
    if (to + length > out.length) throw new Error("lz4: more comes out than was announced");
    // Byte by byte: a match may overlap what it writes.
    for (let i = 0; i < length; i++, to++) out[to] = out[to - distance] as number;
  }
  return to;
}
