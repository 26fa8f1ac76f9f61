import { createHash } from "node:crypto";
import { z } from "zod";
import { badImage } from "./failures.ts";

/** A manifest or a configuration is read and held whole. */
export const DOCUMENT_LIMIT_BYTES = 4 * 1024 * 1024;
/** Docker's own limit is 127. */
const LAYERS_LIMIT = 256;
/** An index may lead to an index; what goes deeper goes nowhere. */
const INDEX_DEPTH_LIMIT = 4;
const PLATFORM = { os: "linux", architecture: "amd64" } as const;
const ATTESTATION = "vnd.docker.reference.type";

export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "a SHA-256 digest");
const Descriptor = z.object({
  mediaType: z.string().max(256).optional(),
  digest: Digest,
  size: z.int().min(0),
  platform: z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() }).optional(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
export type Descriptor = z.infer<typeof Descriptor>;

const Index = z.object({ manifests: z.array(Descriptor).max(1_000) });
const Manifest = z.object({ config: Descriptor, layers: z.array(Descriptor).max(LAYERS_LIMIT) });
const Words = z.array(z.string()).nullish();
const Config = z.object({
  os: z.string().optional(),
  architecture: z.string().optional(),
  config: z
    .object({
      User: z.string().nullish(),
      Env: Words,
      Entrypoint: Words,
      Cmd: Words,
      WorkingDir: z.string().nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
  rootfs: z.object({ diff_ids: z.array(Digest) }),
});
export type ImageConfig = z.infer<typeof Config>;

/** An image as a registry or a layout has it: which bytes it is made of, lowest layer first. */
export interface ImageManifest {
  /** Of the manifest: names the image, whatever its tag. */
  readonly digest: string;
  readonly config: ImageConfig;
  readonly layers: readonly { readonly digest: string; readonly size: number; readonly diffId: string }[];
}

const LAYER_TYPE =
  /^application\/vnd\.(oci\.image\.layer\.v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs\.diff\.tar(\.gzip|\.zstd)?)$/;

export const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Bytes that have this digest; whoever reads them sees to their length. */
export type ReadDocument = (descriptor: Descriptor) => Promise<Buffer>;

/** From an index or a manifest to the image for this kind of machine. */
export async function resolveImage(read: ReadDocument, bytes: Buffer): Promise<ImageManifest> {
  let document = bytes;
  for (let depth = 0; depth < INDEX_DEPTH_LIMIT; depth++) {
    const value = parseJson(document, "the image's manifest");
    const index = Index.safeParse(value);
    if (!index.success) return readManifest(read, document, value);
    document = await verified(read, choose(index.data.manifests));
  }
  throw badImage("the image's index leads to an index, again and again");
}

async function readManifest(read: ReadDocument, bytes: Buffer, value: unknown): Promise<ImageManifest> {
  const manifest = parsed(Manifest, value, "the image's manifest");
  const layers = manifest.layers.filter(({ annotations }) => annotations?.[ATTESTATION] === undefined);
  const other = layers.find(({ mediaType }) => mediaType !== undefined && !LAYER_TYPE.test(mediaType));
  if (other !== undefined)
    throw badImage(`a layer is of the kind ${JSON.stringify(other.mediaType)}, which is no file system's`);
  const config = parseConfig(await verified(read, manifest.config));
  return { digest: digestOf(bytes), config, layers: withDiffIds(layers, config) };
}

export function parseConfig(bytes: Buffer): ImageConfig {
  const config = parsed(Config, parseJson(bytes, "the image's configuration"), "the image's configuration");
  const { os = PLATFORM.os, architecture = PLATFORM.architecture } = config;
  if (os !== PLATFORM.os || architecture !== PLATFORM.architecture)
    throw badImage(`the image is for ${os}/${architecture}; this host runs linux/amd64`);
  return config;
}

export function withDiffIds<L extends object>(layers: readonly L[], config: ImageConfig): (L & { diffId: string })[] {
  const { diff_ids: ids } = config.rootfs;
  if (ids.length !== layers.length)
    throw badImage(`the image has ${layers.length} layers, and its configuration speaks of ${ids.length}`);
  return layers.map((layer, index) => ({ ...layer, diffId: ids[index]! }));
}

function choose(manifests: readonly Descriptor[]): Descriptor {
  const real = manifests.filter(({ annotations }) => annotations?.[ATTESTATION] === undefined);
  const fitting = real.filter(
    ({ platform }) => platform?.os === PLATFORM.os && platform.architecture === PLATFORM.architecture,
  );
  const plain = fitting.find(({ platform }) => platform?.variant === undefined || platform.variant === "v1");
  const chosen = plain ?? fitting[0] ?? (real.length === 1 && real[0]!.platform === undefined ? real[0] : undefined);
  if (chosen !== undefined) return chosen;
  const there = real.map(({ platform }) => (platform ? `${platform.os}/${platform.architecture}` : "unknown"));
  throw badImage(
    real.length > 1 && there.every((one) => one === "unknown")
      ? `there are ${real.length} images in it; give one alone`
      : `the image is not there for linux/amd64; it is for ${there.join(", ") || "nothing"}`,
  );
}

async function verified(read: ReadDocument, descriptor: Descriptor): Promise<Buffer> {
  if (descriptor.size > DOCUMENT_LIMIT_BYTES) throw badImage("the image's manifest is larger than 4 MiB");
  const bytes = await read(descriptor);
  const digest = digestOf(bytes);
  if (digest !== descriptor.digest) throw badImage(`${descriptor.digest} is not what it says: its digest is ${digest}`);
  return bytes;
}

export function parseJson(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw badImage(`${what} is no JSON`);
  }
}

export function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw badImage(`${what}: ${issue?.path.join(".") || "it"}: ${issue?.message ?? "has another shape"}`);
}
