import { badImage } from "../failures.ts";

/** Where an image is: `host[:port]/name[:tag][@digest]`. */
export interface ImageReference {
  /** As it was said: `registry.example.com:5000`. */
  readonly registry: string;
  readonly repository: string;
  /** A tag, or a digest. */
  readonly reference: string;
}

const HOST =
  /^(?=.{1,255}(:|$))[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:\d{1,5})?$/;
const PART = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const REPOSITORY_LIMIT = 255;
const DOCKER_HUB = "docker.io";

/** Only what names a registry, as Docker tells them apart: with a dot or a port, or `localhost`. */
export const namesRegistry = (text: string): boolean => {
  const [first, ...rest] = text.split("/");
  return rest.length > 0 && (/[.:]/.test(first!) || first === "localhost");
};

export function parseReference(text: string): ImageReference {
  const [named = "", digest, ...more] = text.split("@");
  const [registry = "", ...parts] = named.split("/");
  const last = parts.pop() ?? "";
  const [name = "", tag, ...others] = last.split(":");
  const repository = [...parts, name].join("/");
  const isGood =
    HOST.test(registry) &&
    namesRegistry(named) &&
    repository.length <= REPOSITORY_LIMIT &&
    [...parts, name].every((part) => PART.test(part)) &&
    (tag === undefined || TAG.test(tag)) &&
    (digest === undefined || DIGEST.test(digest)) &&
    more.length + others.length === 0;
  if (!isGood)
    throw badImage(
      `${JSON.stringify(text)} is no image; one is called registry.example.com/name:tag, or …/name@sha256:…`,
    );
  const isHubs = registry === DOCKER_HUB && parts.length === 0;
  return { registry, repository: isHubs ? `library/${repository}` : repository, reference: digest ?? tag ?? "latest" };
}
