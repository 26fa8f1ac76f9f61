import type { CallOptions, Http } from "../transport/http.ts";
import type { Listing } from "../transport/listing.ts";
import type { CreateOptions } from "./create.ts";
import { type ListOptions, Sandbox } from "./sandbox.ts";

/** `Sandbox`'s static calls, bound to one client. */
export class Sandboxes {
  readonly #via: { readonly http: Http };

  constructor(http: Http) {
    this.#via = { http };
  }

  /** A new sandbox. It answers once commands work. */
  async create(options: CreateOptions = {}): Promise<Sandbox> {
    return Sandbox.create(options, this.#via);
  }
  /** Newest first. */
  list(options: ListOptions = {}): Listing<Sandbox> {
    return Sandbox.list(options, this.#via);
  }
  /** One that exists. Neither wakes it nor keeps it from expiring. */
  async get(id: string, options: CallOptions = {}): Promise<Sandbox> {
    return Sandbox.get(id, options, this.#via);
  }
  /** Removes one with all that is in it. Repeatable. */
  async kill(id: string, options: CallOptions = {}): Promise<void> {
    return Sandbox.kill(id, options, this.#via);
  }
}
