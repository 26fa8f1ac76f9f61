import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress } from "node:zlib";
import { contentOf } from "./compression.ts";
import { badImage, shown } from "./failures.ts";
import { isPasswd, missingParts, PASSWD_LIMIT_BYTES, requireShell } from "./needs.ts";
import { archiveEnd, padding, readTar, tarHeader } from "./tar/index.ts";
import { ImageTree, type Inode } from "./tree.ts";

/** Fast: it is read once or twice. */
const COMPRESSION_LEVEL = 1;

export interface FlattenRequest {
  /** Lowest first. `diffId`: what the layer's bytes, decompressed, hash to. */
  readonly layers: readonly { readonly path: string; readonly diffId?: string | undefined }[];
  /** Layers of an image, not one archive of a root file system. */
  readonly isImage: boolean;
  /** Gets a tar archive, compressed with zstd. */
  readonly target: string;
  /** Of all that is in the layers, decompressed, holes counted. */
  readonly limitBytes: number;
  readonly needsShell: boolean;
}

/**
 * Writes the one archive that some layers come to. They are read twice: first for what there is in the end, then for the content of
 * that. Nothing is unpacked, so there is nothing that an archive could reach. The result has folders first, then files, then links:
 * whoever unpacks it never writes through a link of it. Answers how many bytes are in it.
 */
export async function flatten(request: FlattenRequest): Promise<number> {
  const tree = new ImageTree();
  const passwd = await readLayers(request, tree);
  if (request.needsShell) requireShell(tree);
  const added = missingParts(tree, passwd);
  let bytes = 0;
  async function* archive(): AsyncGenerator<Buffer> {
    for await (const piece of pieces(request, tree, added)) {
      bytes += piece.length;
      yield piece;
    }
  }
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL } });
  await pipeline(archive, compress, createWriteStream(request.target, { mode: 0o600 }));
  return bytes;
}

/** Answers the list of users, of which one may be missing. */
async function readLayers(request: FlattenRequest, tree: ImageTree): Promise<Buffer | undefined> {
  const { layers, isImage, limitBytes } = request;
  let total = 0;
  let passwd: Buffer | undefined;
  const use = (bytes: number, what: string): void => {
    total += bytes;
    if (total > limitBytes) throw badImage(`its files are more than ${limitBytes / 1024 ** 3} GiB (at ${what})`);
  };
  for (const [number, { path, diffId }] of layers.entries()) {
    const hash = createHash("sha256");
    let read = 0;
    async function* counted(): AsyncGenerator<Buffer> {
      for await (const chunk of contentOf(path)) {
        hash.update(chunk);
        read += chunk.length;
        // Headers alone may be endless, too.
        if (read > limitBytes) use(read, "a layer's end");
        yield chunk;
      }
    }
    let index = 0;
    for await (const entry of readTar(counted())) {
      use(entry.size, shown(entry.path));
      tree.add(entry, number, index++, isImage);
      if (entry.kind !== "file" || !isPasswd(entry.path)) continue;
      if (entry.size > PASSWD_LIMIT_BYTES) throw badImage("its /etc/passwd is larger than 1 MiB");
      passwd = await gathered(entry.body);
    }
    if (index === 0 && !isImage) throw badImage("there is nothing in the archive");
    const digest = `sha256:${hash.digest("hex")}`;
    if (diffId !== undefined && diffId !== digest)
      throw badImage(`layer ${number + 1} has the digest ${digest}, and the image's configuration says ${diffId}`);
  }
  return passwd;
}

async function* pieces(
  { layers }: FlattenRequest,
  tree: ImageTree,
  added: ReturnType<typeof missingParts>,
): AsyncGenerator<Buffer> {
  const replaced = new Set(added.map(({ entry }) => entry.path));
  const contents = layers.map(() => new Map<number, { inode: Inode; paths: string[] }>());
  const links: Inode[] = [];
  const linkPaths = new Map<Inode, string[]>();
  for (const { path, inode } of tree.places()) {
    if (inode.kind === "dir") yield tarHeader({ ...inode, path, size: 0 });
    else if (inode.kind === "file") {
      if (replaced.has(path)) continue;
      const found = contents[inode.layer]!.get(inode.index) ?? { inode, paths: [] };
      found.paths.push(path);
      contents[inode.layer]!.set(inode.index, found);
    } else {
      if (!linkPaths.has(inode)) links.push(inode);
      linkPaths.set(inode, [...(linkPaths.get(inode) ?? []), path]);
    }
  }
  for (const { entry, content } of added) yield* [tarHeader(entry), content, padding(content.length)];
  for (const [number, { path }] of layers.entries()) yield* filesOf(path, contents[number]!);
  for (const inode of links) yield* placed(inode, linkPaths.get(inode)!);
  yield archiveEnd();
}

async function* filesOf(
  path: string,
  wanted: ReadonlyMap<number, { inode: Inode; paths: string[] }>,
): AsyncGenerator<Buffer> {
  if (wanted.size === 0) return;
  let index = 0;
  for await (const entry of readTar(contentOf(path))) {
    const found = wanted.get(index++);
    if (found === undefined) continue;
    const [first, ...others] = found.paths;
    yield tarHeader({ ...found.inode, path: first! });
    yield* entry.body;
    yield padding(entry.size);
    for (const other of others) yield hardLink(found.inode, other, first!);
  }
}

function* placed(inode: Inode, paths: readonly string[]): Generator<Buffer> {
  const [first, ...others] = paths;
  yield tarHeader({ ...inode, path: first!, size: 0 });
  for (const other of others) yield hardLink(inode, other, first!);
}

const hardLink = (inode: Inode, path: string, to: string): Buffer =>
  tarHeader({ ...inode, path, kind: "link", size: 0, target: to });

async function gathered(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
