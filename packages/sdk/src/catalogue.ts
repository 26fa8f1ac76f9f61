import type { CallOptions, Http } from "./transport/http.ts";
import { Listing } from "./transport/listing.ts";
import type { HostInfo } from "./types.ts";

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
