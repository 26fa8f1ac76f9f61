/**
 * Writes a cpio archive in the `newc` format, which the kernel unpacks as the initial root. Owner root, time 0: the same input
 * gives the same bytes. https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
 */
export type CpioEntry =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly content: Buffer }
  | {
      readonly kind: "device";
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFCHR = 0o020000;

/** `path`s are without a leading slash; a folder comes before what is in it. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  entries.forEach((entry, index) => {
    switch (entry.kind) {
      case "folder":
        return parts.push(record({ inode: index + 1, path: entry.path, mode: S_IFDIR | entry.mode, links: 2 }));
      case "file":
        return parts.push(
          record({ inode: index + 1, path: entry.path, mode: S_IFREG | entry.mode, content: entry.content }),
        );
      case "device":
        return parts.push(
          record({
            inode: index + 1,
            path: entry.path,
            mode: S_IFCHR | entry.mode,
            device: [entry.major, entry.minor],
          }),
        );
    }
  });
  parts.push(record({ inode: 0, path: "TRAILER!!!", mode: 0 }));
  return pad(Buffer.concat(parts), 512);
}

function record(fields: {
  inode: number;
  path: string;
  mode: number;
  links?: number;
  content?: Buffer;
  device?: [number, number];
}): Buffer {
  const content = fields.content ?? Buffer.alloc(0);
  const name = Buffer.from(`${fields.path}\0`);
  const [major, minor] = fields.device ?? [0, 0];
  const numbers = [
    fields.inode,
    fields.mode,
    0,
    0,
    fields.links ?? 1,
    0,
    content.length,
    0,
    0,
    major,
    minor,
    name.length,
    0,
  ];
  const header = Buffer.from(`070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`);
  return Buffer.concat([pad(Buffer.concat([header, name]), 4), pad(content, 4)]);
}

function pad(bytes: Buffer, alignment: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((alignment - (bytes.length % alignment)) % alignment)]);
}
