import type { CallOptions, Http } from "./http.ts";
import { type CreateOptions, Sandbox } from "./sandbox.ts";

/** `Sandbox`'s static calls, bound to one client. */
export class Sandboxes {
  readonly #via: { readonly http: Http };

  constructor(http: Http) {
    this.#via = { http };
  }

  async create(options: CreateOptions = {}): Promise<Sandbox> {
    return Sandbox.create(options, this.#via);
  }
  async list(options: CallOptions = {}): Promise<Sandbox[]> {
    return Sandbox.list(options, this.#via);
  }
  async get(id: string, options: CallOptions = {}): Promise<Sandbox> {
    return Sandbox.get(id, options, this.#via);
  }
  async kill(id: string, options: CallOptions = {}): Promise<void> {
    return Sandbox.kill(id, options, this.#via);
  }
}
