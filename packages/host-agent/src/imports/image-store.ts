import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { HostImage, ImageSettings, ResolveImageRequest } from "@pandastack/contracts/host";
import { Refusal, newHexId } from "@pandastack/platform";
import { badImage } from "./failures.ts";
import { flattenApart } from "./flatten-apart.ts";
import type { ImageConfig, ImageManifest } from "./manifest.ts";
import { operatorCredentials } from "./registry/auth-file.ts";
import type { PrivateRegistries } from "./registry/guard.ts";
import { RegistryImage } from "./registry/client.ts";
import { parseReference } from "./registry/reference.ts";
import { RESERVE_BYTES, requireSpace, storeLayout, storeStream, type Place } from "./upload.ts";

/** How long an image waits for the build that it came for. */
const KEPT_MS = 2 * 3_600_000;
/** A manifest is some small answers; a reference that leads nowhere must not hold a caller for long. */
const RESOLVE_TIMEOUT_MS = 25_000;
const DOWNLOAD_TIMEOUT_MS = 3_600_000;

interface Layer {
  readonly path: string;
  readonly diffId?: string;
}

/** An image that a build is to begin with: where its layers are, or how they are got. */
interface Held {
  readonly isImage: boolean;
  readonly folder: string;
  /** Once. */
  readonly layers: () => Promise<readonly Layer[]>;
  readonly timer: NodeJS.Timeout;
}

export interface ImageStoreOptions {
  /** Folders of it whose names end with `.tmp-` and a process's number are removed once that is gone. */
  readonly folder: string;
  /** Of one image: its layers, and what is in them. */
  readonly limitBytes: number;
  readonly registries: PrivateRegistries;
  /** The operator's own credentials, for whom no others were given. */
  readonly authFile?: string | undefined;
  readonly reserveBytes?: number | undefined;
}

/** Images on their way to be root file systems. */
export class ImageStore {
  readonly #options: ImageStoreOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: ImageStoreOptions) {
    this.#options = options;
  }

  /** A root file system as one tar archive, or an image's layout as one; streamed to disk. */
  async upload(kind: "rootfs" | "image", body: Readable): Promise<HostImage> {
    const folder = this.#newFolder();
    try {
      const place = this.#place(folder);
      if (kind === "rootfs") {
        const { path, digest } = await storeStream(body as AsyncIterable<Buffer>, join(folder, "rootfs"), place);
        return {
          id: this.#hold({ isImage: false, folder, layers: async () => [{ path }] }),
          digest,
          settings: NO_SETTINGS,
        };
      }
      const image = await storeLayout(body, place);
      const id = this.#hold({ isImage: true, folder, layers: async () => image.layers });
      return { id, digest: image.digest, settings: settingsOf(image.config) };
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Asks a registry what an image is; its layers are fetched when a root is made of it. */
  async resolve({ reference, credentials }: ResolveImageRequest): Promise<HostImage> {
    const { registries, authFile } = this.#options;
    const where = parseReference(reference);
    const image = new RegistryImage(where, registries, credentials ?? operatorCredentials(authFile, where.registry));
    const manifest = await asFailure(image.manifest(AbortSignal.timeout(RESOLVE_TIMEOUT_MS)));
    const folder = this.#newFolder();
    const layers = () => asFailure(this.#download(image, manifest, folder));
    const id = this.#hold({ isImage: true, folder, layers });
    return { id, digest: manifest.digest, settings: settingsOf(manifest.config) };
  }

  async #download(image: RegistryImage, manifest: ImageManifest, folder: string): Promise<Layer[]> {
    const { limitBytes } = this.#options;
    const signal = AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS);
    const sum = manifest.layers.reduce((total, { size }) => total + size, 0);
    if (sum > limitBytes) throw badImage(`its layers are more than ${limitBytes / 1024 ** 3} GiB`);
    const layers: Layer[] = [];
    for (const [number, { digest, size, diffId }] of manifest.layers.entries()) {
      await requireSpace(this.#place(folder));
      const body = await image.blob(digest, signal);
      const path = join(folder, `layer-${number}`);
      const stored = await storeStream(body as AsyncIterable<Buffer>, path, {
        ...this.#place(folder),
        limitBytes: size,
      }).catch((error: unknown) => {
        if (!(error instanceof Refusal) || error.code !== "validation.body_too_large") throw error;
        throw badImage(`layer ${number + 1} is larger than the ${size} bytes that the manifest says`);
      });
      if (stored.digest !== digest)
        throw badImage(`layer ${number + 1} is not what it says: its digest is ${stored.digest}, not ${digest}`);
      layers.push({ path, diffId });
    }
    return layers;
  }

  /** Writes it as one archive; answers how many bytes are in that. */
  async writeArchive(id: string, target: string, needsShell: boolean): Promise<number> {
    const held = this.#held.get(id);
    if (held === undefined)
      throw new Refusal(
        "template.bad_image",
        "the image has been waiting for too long, or the host was restarted; build it again",
      );
    const { isImage } = held;
    const { limitBytes } = this.#options;
    return flattenApart({ layers: await held.layers(), isImage, target, limitBytes, needsShell });
  }

  release(id: string): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    clearTimeout(held.timer);
    this.#held.delete(id);
    rmSync(held.folder, { recursive: true, force: true });
  }

  close(): void {
    for (const id of this.#held.keys()) this.release(id);
  }

  #place(folder: string): Place {
    const { limitBytes, reserveBytes = RESERVE_BYTES } = this.#options;
    return { folder, limitBytes, reserveBytes };
  }

  #newFolder(): string {
    const folder = join(this.#options.folder, `image-${newHexId(8)}.tmp-${process.pid}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  #hold(given: Omit<Held, "timer">): string {
    const id = newHexId(16);
    const timer = setTimeout(() => this.release(id), KEPT_MS);
    timer.unref();
    let layers: Promise<readonly Layer[]> | undefined;
    this.#held.set(id, { ...given, layers: () => (layers ??= given.layers()), timer });
    return id;
  }
}

/** A connection that breaks off in the middle of an answer is the registry's failure, as one that is never made. */
async function asFailure<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { name, code = "", message } = error as NodeJS.ErrnoException;
    if (/^(TimeoutError|AbortError)$/.test(name)) throw badImage("the registry did not answer in time");
    if (/^(ECONN|EPIPE|ETIMEDOUT|ERR_STREAM_PREMATURE|HPE_|ABORT_ERR)/.test(code))
      throw badImage(`the connection to the registry was lost: ${message}`);
    throw error;
  }
}

const NO_SETTINGS: ImageSettings = { env: {}, user: null, workdir: null, entrypoint: [], cmd: [], ports: [] };
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)$/s;

function settingsOf({ config }: ImageConfig): ImageSettings {
  const env = (config?.Env ?? []).flatMap((text) => {
    const match = VARIABLE.exec(text);
    return match === null ? [] : [[match[1]!, match[2]!] as const];
  });
  return {
    env: Object.fromEntries(env),
    user: config?.User?.split(":")[0] || null,
    workdir: config?.WorkingDir || null,
    entrypoint: config?.Entrypoint ?? [],
    cmd: config?.Cmd ?? [],
    ports: Object.keys(config?.ExposedPorts ?? {}),
  };
}
