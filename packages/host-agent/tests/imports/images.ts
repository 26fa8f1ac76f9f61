import { gzipSync, zstdCompressSync } from "node:zlib";
import { sha256, tarOf } from "./make.ts";

export interface TestImage {
  /** By digest. */
  readonly blobs: ReadonlyMap<string, Buffer>;
  readonly manifest: { readonly digest: string; readonly bytes: Buffer };
  readonly config: Buffer;
  /** Compressed, lowest first. */
  readonly layers: readonly Buffer[];
}

/** An image of these archives: the first layer plain, the second with gzip, the third with zstd, and so on. */
export function imageOf(
  archives: readonly Buffer[],
  config: object = {},
  platform: object = { os: "linux", architecture: "amd64" },
): TestImage {
  const kinds = [
    ["tar", (bytes: Buffer) => bytes],
    ["tar+gzip", gzipSync],
    ["tar+zstd", zstdCompressSync],
  ] as const;
  const layers = archives.map((bytes, index) => kinds[index % 3]![1](bytes));
  const configuration = Buffer.from(
    JSON.stringify({
      ...platform,
      config,
      rootfs: { type: "layers", diff_ids: archives.map((bytes) => sha256(bytes)) },
    }),
  );
  const described = (bytes: Buffer, mediaType: string) => ({ mediaType, digest: sha256(bytes), size: bytes.length });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: described(configuration, "application/vnd.oci.image.config.v1+json"),
      layers: layers.map((bytes, index) =>
        described(bytes, `application/vnd.oci.image.layer.v1.${kinds[index % 3]![0]}`),
      ),
    }),
  );
  const all = [configuration, manifest, ...layers];
  return {
    blobs: new Map(all.map((bytes) => [sha256(bytes), bytes])),
    manifest: { digest: sha256(manifest), bytes: manifest },
    config: configuration,
    layers,
  };
}

/** What points to images, one for each platform. */
export function indexOf(images: readonly { image: TestImage; platform?: object; annotations?: object }[]): Buffer {
  const manifests = images.map(({ image: { manifest }, ...more }) => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: manifest.digest,
    size: manifest.bytes.length,
    ...more,
  }));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
}

/** The files of an OCI layout, by name. */
export function layoutOf(image: TestImage, index = indexOf([{ image }])): Map<string, Buffer> {
  return new Map([
    ["oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
    ["index.json", index],
    ...[...image.blobs].map(([digest, bytes]): [string, Buffer] => [`blobs/${digest.replace(":", "/")}`, bytes]),
  ]);
}

/** As `docker save` wrote before there were layouts: the same layer twice is a link. */
export function dockerArchiveOf({ config, layers }: TestImage): Buffer {
  const names = layers.map((_, index) => `${index}/layer.tar`);
  const manifest = [
    { Config: "config.json", RepoTags: ["test:latest"], Layers: [...names, "again/layer.tar"].slice(0, layers.length) },
  ];
  return tarOf([
    { path: "manifest.json", text: JSON.stringify(manifest) },
    { path: "config.json", text: config.toString("latin1") },
    ...layers.map((bytes, index) => ({ path: names[index]!, text: bytes.toString("latin1") })),
    { path: "again/layer.tar", kind: "symlink" as const, target: "../0/layer.tar" },
  ]);
}
