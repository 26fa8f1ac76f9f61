import type { CallOptions, Http } from "../transport/http.ts";
import { Listing } from "../transport/listing.ts";
import type { PortInfo } from "../types.ts";

/** TCP ports of a sandbox. */
export class Ports {
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, sandboxPath: string) {
    this.#http = http;
    this.#path = `${sandboxPath}/ports`;
  }

  /** Those that something listens on, by number. */
  list(options: CallOptions = {}): Listing<PortInfo> {
    return Listing.of(() => this.#http.json("GET", this.#path, options));
  }
}
