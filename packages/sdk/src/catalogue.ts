import type { CallOptions, Http } from "./transport/http.ts";
import { Listing } from "./transport/listing.ts";
import type { CreatedTokenInfo, HostInfo, Me, Role, TemplateInfo, TokenInfo } from "./types.ts";

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

/** What a new token is. */
export interface CreateTokenOptions extends CallOptions {
  label?: string | undefined;
  /** Default member. */
  role?: Role | undefined;
  /** Default: never expires. */
  expiresInDays?: number | undefined;
}

/** Tokens of the own workspace. For admins. */
export class Tokens {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }
  /** Without the revoked ones. */
  list(options: CallOptions = {}): Listing<TokenInfo> {
    return Listing.of(async () => (await this.#http.json<{ items: TokenInfo[] }>("GET", "/me/tokens", options)).items);
  }
  /** The whole token is in this answer and nowhere else. */
  async create(options: CreateTokenOptions = {}): Promise<CreatedTokenInfo> {
    const { label, role, expiresInDays, ...call } = options;
    return this.#http.json("POST", "/me/tokens", { ...call, json: { label, role, expires_in_days: expiresInDays } });
  }
  /** Acts at once. */
  async revoke(prefix: string, options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", `/me/tokens/${encodeURIComponent(prefix)}`, options);
  }
  /** Who this client is. */
  async me(options: CallOptions = {}): Promise<Me> {
    return this.#http.json("GET", "/me", options);
  }
}
