const NAME = /\.(tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz|zst))$/;
const USTAR = Buffer.from("ustar");
const MAGIC_AT = 257;
const MAGICS = [
  Buffer.from([0x1f, 0x8b]),
  Buffer.from("BZh"),
  Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
];

/** Called like a tar archive, and looks like one, or like one that is compressed. */
export function isArchive(name: string, bytes: Buffer): boolean {
  if (!NAME.test(name)) return false;
  const isPlain = bytes.subarray(MAGIC_AT, MAGIC_AT + USTAR.length).equals(USTAR);
  return isPlain || MAGICS.some((magic) => bytes.subarray(0, magic.length).equals(magic));
}
