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

/** `FROM` and `--from` name templates first. What is none of them and is written as an image is one: with a registry in front. */
export const isReference = (name: string): boolean => /^[^/]*[.:][^/]*\/|^localhost\//.test(name);

/** What opens one registry: the password of one is no other's business. */
export interface RegistryCredentials {
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

export const registryOf = (reference: string): string => reference.split("/")[0]!;

/** The images of one build, and what opens their registries: with the build both are gone. */
export class BuildImages {
  readonly #host: HostClient;
  readonly #credentials: RegistryCredentials | undefined;
  readonly #resolved = new Map<string, Promise<HostImage>>();
  readonly #ids: string[] = [];

  constructor(host: HostClient, credentials?: RegistryCredentials) {
    this.#host = host;
    this.#credentials = credentials;
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
