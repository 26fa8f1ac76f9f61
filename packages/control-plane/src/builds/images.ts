import { setTimeout as delay } from "node:timers/promises";
import type { HostImage, HostRoot, ResolveImageRequest } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { HostClient } from "../hosts/client.ts";
import { DEFAULT_DISK_MB, DEFAULT_MEMORY_MB } from "../templates/catalogue.ts";
import type { ResolvedTemplate } from "../templates/resolve.ts";
import { hash } from "./plan.ts";

const LOOK_MS = 500;
/** Fetching and reading ten gigabytes. */
const IMPORT_TIMEOUT_MS = 5_400_000;
const NAME_LIMIT_CHARACTERS = 128;

const namesRegistry = (name: string): boolean => /^[^/]*[.:][^/]*\/|^localhost\//.test(name);
/** As images are written; the host looks at each part. */
const IMAGE_NAME = /^[a-z0-9][A-Za-z0-9._:@/-]*$/;

/**
 * The image that a name is of which there is no template: with its registry in front, as the host asks for it. Undefined for what
 * cannot be an image, and for a name without a registry where the server has no default one.
 */
export function imageNamed(name: string, defaultRegistry: string | undefined): string | undefined {
  if (namesRegistry(name)) return name;
  return defaultRegistry !== undefined && IMAGE_NAME.test(name) ? `${defaultRegistry}/${name}` : undefined;
}

/** What opens one registry: the password of one is no other's business. */
export interface RegistryCredentials {
  /** Undefined: the one of the image that the template begins with. */
  readonly registry: string | undefined;
  readonly username: string;
  readonly password: string;
}

const registryOf = (reference: string): string => reference.split("/")[0]!;

/** The images of one build, and what opens their registries: with the build both are gone. */
export class BuildImages {
  readonly #host: HostClient;
  readonly #defaultRegistry: string | undefined;
  readonly #credentials: (RegistryCredentials & { readonly registry: string }) | undefined;
  readonly #resolved = new Map<string, Promise<HostImage>>();
  readonly #ids: string[] = [];

  constructor(
    host: HostClient,
    given: { from: string; defaultRegistry: string | undefined; credentials?: RegistryCredentials | undefined },
  ) {
    const { from, defaultRegistry, credentials } = given;
    this.#host = host;
    this.#defaultRegistry = defaultRegistry;
    this.#credentials = credentials && {
      ...credentials,
      registry: credentials.registry ?? registryOf(this.named(from) ?? from),
    };
  }

  /** The image that a name is of which there is no template. */
  named(name: string): string | undefined {
    return imageNamed(name, this.#defaultRegistry);
  }

  /** One that its caller has sent. */
  uploaded(name: string, image: HostImage): ResolvedTemplate {
    this.#ids.push(image.id);
    return asParent(name, image, true);
  }

  /** Of a registry. */
  async resolve(reference: string, needsShell: boolean): Promise<ResolvedTemplate> {
    const found = this.#resolved.get(reference) ?? this.#host.resolveImage(this.#asked(reference));
    this.#resolved.set(reference, found);
    const image = await found.catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal(error.code, `${reference}: ${error.message}`);
    });
    if (!this.#ids.includes(image.id)) this.#ids.push(image.id);
    return asParent(reference, image, needsShell);
  }

  #asked(reference: string): ResolveImageRequest {
    if (this.#credentials?.registry !== registryOf(reference)) return { reference };
    const { username, password } = this.#credentials;
    return { reference, credentials: { username, password } };
  }

  /** What the host cannot be told now it forgets by itself. */
  async release(): Promise<void> {
    for (const id of this.#ids.splice(0)) await this.#host.releaseImage(id).catch(() => {});
  }
}

function asParent(name: string, { id, digest, settings }: HostImage, needsShell: boolean): ResolvedTemplate {
  const rootKey = hash("image", digest, needsShell);
  return {
    name: name.slice(0, NAME_LIMIT_CHARACTERS),
    source: { template: "image", rootKey },
    rootKey,
    cpu: 1,
    memoryMb: DEFAULT_MEMORY_MB,
    diskMb: DEFAULT_DISK_MB,
    env: settings.env,
    row: undefined,
    image: { id, settings, needsShell },
  };
}

/** Has the host make a root file system of it, under this key. */
export async function importImage(
  host: HostClient,
  { name, image, diskMb }: Pick<ResolvedTemplate, "name" | "image" | "diskMb">,
  key: string,
  signal: AbortSignal,
): Promise<HostRoot> {
  const end = performance.now() + IMPORT_TIMEOUT_MS;
  const { id: imageId, needsShell } = image!;
  let root = await host.importRoot({ key, imageId, diskMb, needsShell });
  while (root.state === "exporting" && performance.now() < end) {
    await delay(LOOK_MS, undefined, { signal });
    root = await host.root(key);
  }
  if (root.state === "ready") return root;
  throw new Refusal("template.bad_image", `${name}: ${root.error ?? "it could not be read in time"}`);
}
