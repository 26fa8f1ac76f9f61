import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { badImage } from "../failures.ts";
import {
  DOCUMENT_LIMIT_BYTES,
  digestOf,
  parseJson,
  resolveImage,
  type Descriptor,
  type ImageManifest,
} from "../manifest.ts";
import { originOf, type PrivateRegistries } from "./guard.ts";
import type { ImageReference } from "./reference.ts";
import { ask } from "./request.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

const ACCEPTED = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
const Token = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** One image of one registry. What opens it is held as long as this is, and written nowhere. */
export class RegistryImage {
  readonly #where: ImageReference;
  readonly #origin: string;
  readonly #registries: PrivateRegistries;
  readonly #credentials: Credentials | undefined;
  #authorization: string | undefined;

  constructor(where: ImageReference, registries: PrivateRegistries, credentials: Credentials | undefined) {
    this.#where = where;
    this.#origin = originOf(where.registry, registries);
    this.#registries = registries;
    this.#credentials = credentials;
  }

  async manifest(signal: AbortSignal): Promise<ImageManifest> {
    const { reference } = this.#where;
    const bytes = await this.#document("manifests", reference, signal);
    if (reference.startsWith("sha256:") && digestOf(bytes) !== reference)
      throw badImage(`the registry's manifest has the digest ${digestOf(bytes)}, and ${reference} was asked for`);
    return resolveImage(async (descriptor) => this.#described(descriptor, signal), bytes);
  }

  /** A layer's bytes as they come; whoever stores them looks at their digest. */
  async blob(digest: string, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#get("blobs", digest, signal);
  }

  /** Manifests are asked for in one place, configurations in another. */
  #described(descriptor: Descriptor, signal: AbortSignal): Promise<Buffer> {
    const isManifest = /manifest|index/.test(descriptor.mediaType ?? "");
    return this.#document(isManifest ? "manifests" : "blobs", descriptor.digest, signal);
  }

  async #document(kind: "manifests" | "blobs", reference: string, signal: AbortSignal): Promise<Buffer> {
    return readBounded(await this.#get(kind, reference, signal), this.#where.registry);
  }

  async #get(kind: "manifests" | "blobs", reference: string, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(`${this.#origin}/v2/${this.#where.repository}/${kind}/${reference}`);
    const send = () =>
      ask({
        url,
        headers: {
          ...(kind === "manifests" ? { accept: ACCEPTED } : {}),
          ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
        },
        registries: this.#registries,
        signal,
      });
    let answer = await send();
    if (answer.statusCode === 401) {
      answer.destroy();
      this.#authorization = await this.#authorize(answer.headers["www-authenticate"] ?? "", signal);
      answer = await send();
    }
    if (answer.statusCode === 200) return answer;
    answer.destroy();
    throw this.#refused(answer.statusCode ?? 0, reference);
  }

  #refused(status: number, reference: string): Error {
    const { registry, repository } = this.#where;
    const name = `${registry}/${repository}`;
    if (status === 404) return badImage(`there is no image ${name} with ${reference} in this registry`);
    if (status === 401 || status === 403)
      return badImage(
        this.#credentials === undefined
          ? `${name} is not there, or not for everyone: the registry wants to know who asks`
          : `the registry does not let ${JSON.stringify(this.#credentials.username)} have ${name}`,
      );
    return badImage(`the registry answered ${status} for ${name}`);
  }

  /** A token for reading this one repository, or the credentials themselves where the registry takes them so. */
  async #authorize(challenge: string, signal: AbortSignal): Promise<string> {
    const basic =
      this.#credentials &&
      `Basic ${Buffer.from(`${this.#credentials.username}:${this.#credentials.password}`).toString("base64")}`;
    const [scheme = "", rest = ""] = challenge.split(/\s+(.*)/s);
    if (/^basic$/i.test(scheme)) {
      if (basic === undefined) throw this.#refused(401, "");
      return basic;
    }
    const values = new Map([...rest.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1]!.toLowerCase(), match[2]!]));
    const realm = values.get("realm") ?? "";
    if (!/^bearer$/i.test(scheme) || !URL.canParse(realm))
      throw badImage(`${this.#where.registry} wants to know who asks in a way that is not known here`);
    const url = new URL(realm);
    const service = values.get("service");
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", `repository:${this.#where.repository}:pull`);
    const headers = basic === undefined ? {} : { authorization: basic };
    const answer = await ask({ url, headers, registries: this.#registries, signal });
    if (answer.statusCode !== 200) {
      answer.destroy();
      throw this.#refused(401, "");
    }
    const said = Token.safeParse(parseJson(await readBounded(answer, url.host), "the registry's token"));
    const token = said.data?.token ?? said.data?.access_token;
    if (token === undefined) throw badImage(`${url.host} gave no token`);
    return `Bearer ${token}`;
  }
}

async function readBounded(answer: IncomingMessage, host: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > DOCUMENT_LIMIT_BYTES)
      throw badImage(`${host} answered with more than 4 MiB where a manifest was asked for`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
