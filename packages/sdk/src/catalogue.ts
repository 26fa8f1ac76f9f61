import type { CallOptions, Http } from "./transport/http.ts";
import { Listing } from "./transport/listing.ts";
import type { HostInfo, TemplateInfo } from "./types.ts";

/** What sandboxes can be made from. */
export class Templates {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }
  /** By name. */
  list(options: CallOptions = {}): Listing<TemplateInfo> {
    return Listing.of(() => this.#http.json("GET", "/templates", options));
  }
  /** By its name or an alias. */
  async get(name: string, options: CallOptions = {}): Promise<TemplateInfo> {
    return this.#http.json("GET", `/templates/${encodeURIComponent(name)}`, options);
  }
}

/** The machines that run sandboxes, and what isolates those. */
export class Hosts {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }
  /** With what they have left. */
  list(options: CallOptions = {}): Listing<HostInfo> {
    return Listing.of(() => this.#http.json("GET", "/hosts", options));
  }
}
