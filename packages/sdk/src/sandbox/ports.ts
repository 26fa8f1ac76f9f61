import type { CallOptions, Http } from "../transport/http.ts";
import { Listing } from "../transport/listing.ts";
import { connectPort, type PortConnection } from "#port-connection";
import type { PortInfo, PreviewLink } from "../types.ts";

const LAST_PORT = 65_535;

/** What a signed link opens, and for how long. */
export interface PreviewLinkOptions extends CallOptions {
  /** Default 3600, at most seven days. */
  ttlSeconds?: number;
  /** Only these paths and what is below them; default all. */
  paths?: string[];
}

/** TCP ports of a sandbox, and how to reach servers on them. */
export class Ports {
  readonly #http: Http;
  readonly #path: string;
  readonly #sandboxPath: string;
  readonly #id: string;

  constructor(http: Http, sandboxPath: string, id: string) {
    this.#http = http;
    this.#id = id;
    this.#sandboxPath = sandboxPath;
    this.#path = `${sandboxPath}/ports`;
  }

  /** Those that something listens on, by number. */
  list(options: CallOptions = {}): Listing<PortInfo> {
    return Listing.of(() => this.#http.json("GET", this.#path, options));
  }

  /** Gives a port a label, or, with `public`, opens its preview to anyone who knows the address. */
  add(port: number, options: CallOptions & { label?: string; public?: boolean } = {}): Promise<PortInfo> {
    const { label, public: isPublic, ...call } = options;
    return this.#http.json("POST", this.#path, { ...call, json: { port, label, public: isPublic } });
  }

  /** Takes the label away and makes the preview private again. */
  async remove(port: number, options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", `${this.#path}/${port}`, options);
  }

  /**
   * The address of a port's own host. Private unless the port is public: a browser wants `createPreviewLink`, a program sends
   * the API token. Made here, without asking: where the server has a preview domain of its own, say `previewHost` to the client.
   * @example await fetch(sandbox.ports.url(3000), { headers: { authorization: `Bearer ${token}` } });
   */
  url(port: number): string {
    return `${new URL(this.#http.config.baseUrl).protocol}//${this.host(port)}`;
  }

  /** Its host name, and port where the server's is not the scheme's own: `3000-<id>.example.com`. */
  host(port: number): string {
    if (!Number.isInteger(port) || port < 1 || port > LAST_PORT) throw new RangeError(`${port} is no port`);
    return `${port}-${this.#id}.${this.#http.config.previewHost}`;
  }

  /**
   * A TCP connection to whatever listens on a port, as a stream. Wakes the sandbox.
   * @example const connection = await sandbox.ports.connect(5432);
   */
  connect(port: number, options: CallOptions = {}): Promise<PortConnection> {
    return connectPort(this.#http, this.#sandboxPath, port, options);
  }

  /** A signed link to a server on a port, for people without a token. */
  createPreviewLink(port: number, options: PreviewLinkOptions = {}): Promise<PreviewLink> {
    const { ttlSeconds, paths, ...call } = options;
    const json = { port, ttl_seconds: ttlSeconds, paths };
    return this.#http.json("POST", `${this.#sandboxPath}/preview-token`, { ...call, json });
  }

  /** Takes back a link by its token, or all that were made until now. What is open through them ends. */
  async revokePreviewLinks(options: CallOptions & { token?: string } = {}): Promise<void> {
    const { token, ...call } = options;
    await this.#http.json("DELETE", `${this.#sandboxPath}/preview-token`, { ...call, query: { token } });
  }
}
