import type { ClientOptions } from "./config.ts";
import { type CallOptions, Http } from "./http.ts";
import { Sandboxes } from "./sandboxes.ts";
import { Snapshots } from "./snapshots.ts";
import type { TemplateInfo } from "./types.ts";

/**
 * One server, one token.
 * @example const panda = new PandaStack({ apiUrl: "http://127.0.0.1:8080", token: "pds_…" });
 */
export class PandaStack {
  readonly sandboxes: Sandboxes;
  readonly snapshots: Snapshots;
  /** What the handles speak through. */
  readonly http: Http;

  constructor(options: ClientOptions = {}) {
    this.http = new Http(options);
    this.sandboxes = new Sandboxes(this.http);
    this.snapshots = new Snapshots(this.http);
  }

  get apiUrl(): string {
    return this.http.config.apiUrl;
  }

  async templates(options: CallOptions = {}): Promise<TemplateInfo[]> {
    return this.http.json("GET", "/templates", options);
  }

  /** Any other path below `/v1`, for what this client has no name for. */
  async request<T>(method: string, path: string, json?: unknown, options: CallOptions = {}): Promise<T> {
    return this.http.json<T>(method, path, { ...options, json });
  }
}
