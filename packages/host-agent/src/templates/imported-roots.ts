import { join } from "node:path";
import type { Readable } from "node:stream";
import type { HostImage, HostRoot, ImportRootRequest, ResolveImageRequest } from "@pandastack/contracts/host";
import type { HostLayout } from "../files/layout.ts";
import { ImageStore, readPrivateRegistries } from "../imports/index.ts";
import { ARCHIVE_LIMIT_BYTES } from "./root-archive.ts";
import { ARCHIVE } from "./root-files.ts";
import type { RootStore } from "./root-store.ts";

/** Root file systems out of images: sent here, or in a registry. */
export class ImportedRoots {
  readonly #images: ImageStore;
  readonly #roots: RootStore;

  constructor(layout: Pick<HostLayout, "cacheDir">, roots: RootStore) {
    this.#roots = roots;
    this.#images = new ImageStore({
      // Beside the roots: whoever makes one removes what killed processes have left there.
      folder: join(layout.cacheDir, "roots"),
      limitBytes: ARCHIVE_LIMIT_BYTES,
      registries: readPrivateRegistries(process.env["PANDASTACK_PRIVATE_REGISTRIES"]),
      authFile: process.env["PANDASTACK_REGISTRY_AUTH"],
    });
  }

  upload(kind: "rootfs" | "image", body: Readable): Promise<HostImage> {
    return this.#images.upload(kind, body);
  }

  resolve(request: ResolveImageRequest): Promise<HostImage> {
    return this.#images.resolve(request);
  }

  release(id: string): void {
    this.#images.release(id);
  }

  /** Begins to make it, or says how far that is. */
  begin({ key, diskMb, imageId, needsShell }: ImportRootRequest): HostRoot {
    return this.#roots.begin(key, diskMb, (folder) =>
      this.#images.writeArchive(imageId, join(folder, ARCHIVE), needsShell),
    );
  }

  close(): void {
    this.#images.close();
  }
}
