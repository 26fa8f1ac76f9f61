import type { CallOptions, Http } from "./http.ts";
import { withKey } from "./idempotency.ts";
import type { SandboxInfo } from "./types.ts";

export interface ForkOptions extends CallOptions {
  metadata?: Record<string, string> | undefined;
  /** Default: the parent's. */
  ttlSeconds?: number | undefined;
  /** Default false, whatever the parent is. */
  persistent?: boolean | undefined;
  /** On top of the parent's. */
  env?: Record<string, string> | undefined;
  idempotencyKey?: string | undefined;
}

export interface ForkTreeOptions extends ForkOptions {
  /** 1 to 16. */
  count: number;
}

export async function forkOne(http: Http, sandboxPath: string, options: ForkOptions): Promise<SandboxInfo> {
  const { json, call } = split(options);
  return (await http.json<{ sandbox: SandboxInfo }>("POST", `${sandboxPath}/fork`, { ...withKey(call), json })).sandbox;
}

/** In index order. */
export async function forkTree(http: Http, sandboxPath: string, options: ForkTreeOptions): Promise<SandboxInfo[]> {
  const { count, ...rest } = options;
  const { json, call } = split(rest);
  return (
    await http.json<{ children: SandboxInfo[] }>("POST", `${sandboxPath}/fork-tree`, {
      ...withKey(call),
      json: { count, ...json },
    })
  ).children;
}

function split(options: ForkOptions): {
  json: Record<string, unknown>;
  call: CallOptions & { idempotencyKey?: string | undefined };
} {
  const { metadata, ttlSeconds, persistent, env, ...call } = options;
  return { json: { metadata, ttl_seconds: ttlSeconds, persistent, env }, call };
}
