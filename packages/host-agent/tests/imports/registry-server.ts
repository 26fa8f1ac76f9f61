import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestImage } from "./images.ts";

export interface RegistryOptions {
  /** Nobody reads without a token, and nobody but this user gets one. */
  readonly only?: { readonly username: string; readonly password: string };
  /** Where blobs are sent on to. */
  readonly redirect?: (digest: string) => string;
  readonly port?: number;
  /** Blobs end half-way. */
  readonly breaksOff?: boolean;
}

/** A small registry: the distribution API as far as reading needs it, with tokens. */
export class RegistryServer {
  readonly #server: Server;
  readonly #options: RegistryOptions;
  readonly #manifests = new Map<string, Buffer>();
  readonly #blobs = new Map<string, Buffer>();
  /** What was asked, with what it was opened with. */
  readonly asked: { url: string; authorization: string | undefined }[] = [];

  constructor(options: RegistryOptions = {}) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.#options.port ?? 0, "127.0.0.1", resolve));
    return this;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get origin(): string {
    return `http://${this.host}`;
  }

  /** `bytes`: what the tag leads to, if it is not the image's own manifest. */
  push(repository: string, tag: string, image: TestImage, bytes = image.manifest.bytes): void {
    this.#manifests.set(`${repository}:${tag}`, bytes);
    this.#manifests.set(`${repository}:${image.manifest.digest}`, image.manifest.bytes);
    for (const [digest, blob] of image.blobs) this.#blobs.set(digest, blob);
  }

  /** Other bytes under a digest. */
  corrupt(digest: string, bytes: Buffer): void {
    this.#blobs.set(digest, bytes);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, this.origin);
    const { authorization } = request.headers;
    this.asked.push({ url: url.pathname + url.search, authorization });
    if (url.pathname === "/token") return this.#giveToken(authorization, response);
    const match = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname);
    if (match === null) return void response.writeHead(404).end();
    const [, repository, kind, reference] = match as unknown as [string, string, string, string];
    if (authorization !== "Bearer good") {
      const challenge = `Bearer realm="${this.origin}/token",service="test",scope="repository:${repository}:pull"`;
      return void response.writeHead(401, { "www-authenticate": challenge }).end();
    }
    const bytes = kind === "manifests" ? this.#manifests.get(`${repository}:${reference}`) : this.#blobs.get(reference);
    if (bytes === undefined) return void response.writeHead(404).end();
    if (kind === "blobs" && this.#options.redirect !== undefined)
      return void response.writeHead(307, { location: this.#options.redirect(reference) }).end();
    response.writeHead(200, { "content-length": bytes.length });
    if (kind === "manifests" || this.#options.breaksOff !== true) return void response.end(bytes);
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
  }

  #giveToken(authorization: string | undefined, response: ServerResponse): void {
    const { only } = this.#options;
    const wanted = only && `Basic ${Buffer.from(`${only.username}:${only.password}`).toString("base64")}`;
    if (wanted !== undefined && authorization !== wanted) return void response.writeHead(401).end();
    response.writeHead(200).end(JSON.stringify({ token: "good" }));
  }
}
