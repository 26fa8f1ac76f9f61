import { Audit, Tokens, Workspaces } from "./accounts.ts";
import { Hosts } from "./catalogue.ts";
import type { ClientOptions } from "./config.ts";
import { Sandboxes } from "./sandbox/sandboxes.ts";
import { Snapshots } from "./sandbox/snapshots.ts";
import { Templates } from "./templates/templates.ts";
import { type CallOptions, Http } from "./transport/http.ts";
import { Volumes } from "./volumes.ts";

/**
 * One server, one token.
 * @example const panda = new PandaStack({ baseUrl: "http://127.0.0.1:8080", apiKey: "pds_…" });
 */
export class PandaStack {
  readonly sandboxes: Sandboxes;
  readonly snapshots: Snapshots;
  readonly volumes: Volumes;
  readonly templates: Templates;
  readonly hosts: Hosts;
  readonly tokens: Tokens;
  readonly workspaces: Workspaces;
  readonly audit: Audit;
  /** What the handles speak through. */
  readonly http: Http;

  constructor(options: ClientOptions = {}) {
    this.http = new Http(options);
    this.sandboxes = new Sandboxes(this.http);
    this.snapshots = new Snapshots(this.http);
    this.volumes = new Volumes(this.http);
    this.templates = new Templates(this.http);
    this.hosts = new Hosts(this.http);
    this.tokens = new Tokens(this.http);
    this.workspaces = new Workspaces(this.http);
    this.audit = new Audit(this.http);
  }

  /** The server's root. */
  get baseUrl(): string {
    return this.http.config.baseUrl;
  }

  /** Any other path below `/v1`, for what this client has no name for. */
  async request<T>(method: string, path: string, json?: unknown, options: CallOptions = {}): Promise<T> {
    return this.http.json<T>(method, path, { ...options, json });
  }
}
