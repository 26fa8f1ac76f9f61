import type { CallOptions, Http } from "./transport/http.ts";
import { Listing } from "./transport/listing.ts";
import type {
  AuditInfo,
  CreatedTokenInfo,
  IsolationPolicy,
  Me,
  Role,
  TokenInfo,
  WorkspaceInfo,
  WorkspaceLimits,
  WorkspaceLimitsInfo,
  WorkspaceNetworkInfo,
} from "./types.ts";

/** What a new token is. */
export interface CreateTokenOptions extends CallOptions {
  label?: string | undefined;
  /** Default member. */
  role?: Role | undefined;
  /** Default: never expires. */
  expiresInDays?: number | undefined;
}

/** Tokens of a workspace; of the own one unless it was made by `workspaces.tokens(slug)`. For admins. */
export class Tokens {
  readonly #http: Http;
  readonly #path: string;
  constructor(http: Http, path = "/me/tokens") {
    this.#http = http;
    this.#path = path;
  }
  /** Without the revoked ones. */
  list(options: CallOptions = {}): Listing<TokenInfo> {
    return Listing.of(async () => (await this.#http.json<{ items: TokenInfo[] }>("GET", this.#path, options)).items);
  }
  /** The whole token is in this answer and nowhere else. */
  async create(options: CreateTokenOptions = {}): Promise<CreatedTokenInfo> {
    const { label, role, expiresInDays, ...call } = options;
    return this.#http.json("POST", this.#path, { ...call, json: { label, role, expires_in_days: expiresInDays } });
  }
  /** Acts at once. */
  async revoke(prefix: string, options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", `${this.#path}/${encodeURIComponent(prefix)}`, options);
  }
  /** Who this client is. */
  async me(options: CallOptions = {}): Promise<Me> {
    return this.#http.json("GET", "/me", options);
  }
}

/** What is left out stays; null goes back to the server's default. */
export type WorkspaceLimitsChange = { [Name in keyof WorkspaceLimits]?: WorkspaceLimits[Name] | null | undefined };

/** Workspaces: what sandboxes, snapshots and tokens belong to. For admins. */
export class Workspaces {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }
  /** By slug. */
  list(options: CallOptions = {}): Listing<WorkspaceInfo> {
    return Listing.of(
      async () => (await this.#http.json<{ workspaces: WorkspaceInfo[] }>("GET", "/workspaces", options)).workspaces,
    );
  }
  /** @param slug 2 to 40 characters of a-z, 0-9 and - */
  async create(slug: string, options: CallOptions & { name?: string | undefined } = {}): Promise<WorkspaceInfo> {
    const { name, ...call } = options;
    return this.#http.json("POST", "/workspaces", { ...call, json: { slug, name } });
  }
  /** What one may have, and what it has; without a slug the own one, which needs no admin. */
  async limits(slug?: string, options: CallOptions = {}): Promise<WorkspaceLimitsInfo> {
    return this.#http.json("GET", slug === undefined ? "/me/limits" : `${pathOf(slug)}/limits`, options);
  }
  /**
   * Changes what one may have. What it has beyond that stays.
   * @example await panda.workspaces.setLimits("research", { running_sandboxes: 20, snapshots: null });
   */
  async setLimits(
    slug: string,
    limits: WorkspaceLimitsChange,
    options: CallOptions = {},
  ): Promise<WorkspaceLimitsInfo> {
    return this.#http.json("PATCH", `${pathOf(slug)}/limits`, { ...options, isRepeatable: true, json: limits });
  }
  /** What its sandboxes may reach by default, and at most. */
  async network(slug: string, options: CallOptions = {}): Promise<WorkspaceNetworkInfo> {
    return this.#http.json("GET", `${pathOf(slug)}/network`, options);
  }
  /** Counts for policies that are set from now on. What is left out stays; null takes it away. */
  async setNetwork(
    slug: string,
    network: Partial<WorkspaceNetworkInfo>,
    options: CallOptions = {},
  ): Promise<WorkspaceNetworkInfo> {
    return this.#http.json("PATCH", `${pathOf(slug)}/network`, { ...options, isRepeatable: true, json: network });
  }
  /** What has to isolate its sandboxes. */
  async isolation(slug: string, options: CallOptions = {}): Promise<IsolationPolicy> {
    const path = `${pathOf(slug)}/isolation`;
    return (await this.#http.json<{ isolation: IsolationPolicy }>("GET", path, options)).isolation;
  }
  /** @param isolation `kernel`: sandboxes that are made from now on have kernels of their own, so that gVisor is refused. */
  async setIsolation(slug: string, isolation: IsolationPolicy, options: CallOptions = {}): Promise<void> {
    await this.#http.json("PATCH", `${pathOf(slug)}/isolation`, { ...options, json: { isolation } });
  }
  /** The tokens of one. */
  tokens(slug: string): Tokens {
    return new Tokens(this.#http, `${pathOf(slug)}/tokens`);
  }
}

const pathOf = (slug: string): string => `/workspaces/${encodeURIComponent(slug)}`;

/** Which entries of the audit log. */
export interface AuditOptions extends CallOptions {
  /** Default: 24 hours ago. */
  since?: Date | undefined;
  until?: Date | undefined;
  workspace?: string | undefined;
  /** A token's prefix. */
  actor?: string | undefined;
  /** `createSandbox`, … */
  operation?: string | undefined;
  /** What it was done to: an id, a token's prefix, a workspace's slug. */
  target?: string | undefined;
  requestId?: string | undefined;
}

/** Who did what. For admins. */
export class Audit {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }
  /**
   * Newest first; page after page is asked for while the loop goes on.
   * @example for await (const entry of panda.audit.list({ operation: "deleteSandbox" })) console.log(entry.actor);
   */
  list(options: AuditOptions = {}): Listing<AuditInfo> {
    const { since, until, requestId, workspace, actor, operation, target, ...call } = options;
    const http = this.#http;
    return new Listing(async function* () {
      const filter = { workspace, actor, operation, target, request_id: requestId };
      const query = { ...filter, since: since?.toISOString(), until: until?.toISOString() };
      for (let before: number | undefined; ;) {
        const page: { entries: AuditInfo[]; next_before: number | null } = await http.json("GET", "/audit", {
          ...call,
          query: { ...query, before },
        });
        yield page.entries;
        if (page.next_before === null) return;
        before = page.next_before;
      }
    });
  }
}
