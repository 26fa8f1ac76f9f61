import { posix } from "node:path";
import { z } from "zod";
import { badImage, shown } from "./failures.ts";
import {
  digestOf,
  parseConfig,
  parsed,
  parseJson,
  resolveImage,
  withDiffIds,
  DOCUMENT_LIMIT_BYTES,
  type ImageConfig,
} from "./manifest.ts";

/** A file of an upload, under the name that it had there. */
export interface StoredFile {
  readonly path: string;
  readonly size: number;
  /** Of its bytes. */
  readonly digest: string;
}

export interface LocalImage {
  readonly digest: string;
  readonly config: ImageConfig;
  readonly layers: readonly { readonly path: string; readonly diffId: string }[];
}

/** `docker save` has written it this way since its beginning. */
const DockerArchive = z.array(
  z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()) }),
);

const missing = (name: string): Error => badImage(`${shown(name)} is named in it, and is not there`);

/** An image out of files: an OCI layout, or an archive of `docker save`. `read`: a small one's bytes. */
export async function readLayout(
  files: ReadonlyMap<string, StoredFile>,
  read: (file: StoredFile) => Promise<Buffer>,
): Promise<LocalImage> {
  const document = async (name: string): Promise<Buffer> => {
    const file = files.get(posix.normalize(name));
    if (file === undefined) throw missing(name);
    if (file.size > DOCUMENT_LIMIT_BYTES) throw badImage(`${shown(name)} is larger than 4 MiB`);
    return read(file);
  };
  const blob = (digest: string): StoredFile => {
    const name = `blobs/${digest.replace(":", "/")}`;
    const file = files.get(name);
    if (file === undefined) throw missing(name);
    if (file.digest !== digest) throw badImage(`${name} is not what it says: its digest is ${file.digest}`);
    return file;
  };
  if (files.has("index.json")) {
    const image = await resolveImage(async ({ digest }) => read(blob(digest)), await document("index.json"));
    return { ...image, layers: image.layers.map(({ digest, diffId }) => ({ path: blob(digest).path, diffId })) };
  }
  if (!files.has("manifest.json"))
    throw badImage(
      "it is neither an OCI layout nor an archive of `docker save`: there is no index.json and no manifest.json in it",
    );
  return readDockerArchive(files, document);
}

async function readDockerArchive(
  files: ReadonlyMap<string, StoredFile>,
  document: (name: string) => Promise<Buffer>,
): Promise<LocalImage> {
  const value = parseJson(await document("manifest.json"), "manifest.json");
  const [image, ...others] = parsed(DockerArchive, value, "manifest.json");
  if (image === undefined) throw badImage("there is no image in it");
  if (others.length > 0)
    throw badImage(
      `there are ${others.length + 1} images in it (${[image, ...others].map(({ RepoTags }) => RepoTags?.[0] ?? "unnamed").join(", ")}); save one alone`,
    );
  const bytes = await document(image.Config);
  const config = parseConfig(bytes);
  const layers = image.Layers.map((name) => {
    const file = files.get(posix.normalize(name));
    if (file === undefined) throw missing(name);
    return { path: file.path };
  });
  return { digest: digestOf(bytes), config, layers: withDiffIds(layers, config) };
}
