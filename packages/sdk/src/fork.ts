import type { CallOptions, Http } from "./http.ts";
import type { SandboxInfo } from "./types.ts";

export interface ForkOptions extends CallOptions {
  metadata?: Record<string, string> | undefined;
  idempotencyKey?: string | undefined;
}

export interface ForkTreeOptions extends ForkOptions {
  /** 1 to 16. */
  count: number;
}

/** Both ways to fork, as descriptions of the children. */
export class Fork {
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, sandboxPath: string) {
    this.#http = http;
    this.#path = sandboxPath;
  }

  async one(parent: SandboxInfo, options: ForkOptions): Promise<SandboxInfo> {
    const { metadata, ...call } = options;
    const answer = await this.#http.json<{ sandbox: SandboxInfo }>("POST", `${this.#path}/fork`, { ...withKey(call), json: { metadata } });
    return { ...parent, ...answer.sandbox };
  }

  async tree(parent: SandboxInfo, options: ForkTreeOptions): Promise<SandboxInfo[]> {
    const { metadata, count, ...call } = options;
    const answer = await this.#http.json<{ children: SandboxInfo[] }>("POST", `${this.#path}/fork-tree`, { ...withKey(call), json: { count, metadata } });
    return answer.children.map((child) => ({ ...parent, ...child }));
  }
}

/** Every call that makes something carries a key, so that a broken connection may be answered by asking again. */
export function withKey<T extends { idempotencyKey?: string | undefined }>(options: T): T & { idempotencyKey: string } {
  return { ...options, idempotencyKey: options.idempotencyKey ?? crypto.randomUUID() };
}
