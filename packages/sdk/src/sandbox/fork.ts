import { errorOfBody } from "../errors/errors.ts";
import type { CreationOptions, Http } from "../transport/http.ts";
import { withKey } from "../transport/idempotency.ts";
import type { NetworkPolicy, SandboxInfo } from "../types.ts";

/** What the children of a fork are. */
export interface ForkOptions extends CreationOptions {
  metadata?: Record<string, string> | undefined;
  /** Default: the parent's. */
  ttlSeconds?: number | undefined;
  /** Default false, whatever the parent is. */
  persistent?: boolean | undefined;
  /** On top of the parent's. */
  env?: Record<string, string> | undefined;
  /** What they may reach. Default: what the parent may. */
  network?: NetworkPolicy | undefined;
  /** Megabits a second that may leave each. Default: the parent's; null: no limit. */
  egressMbps?: number | null | undefined;
  /** Of each volume that the parent writes to: what is on it now, for reading (default), or a clone of the child's own. */
  volumes?: "read_only" | "clone" | undefined;
}

/** What the children of a fork tree are. */
export interface ForkTreeOptions extends ForkOptions {
  /** 1 to 16. Default 2. */
  count?: number | undefined;
}

interface Answer {
  tree_id?: string;
  children: SandboxInfo[];
  errors?: { index: number; error: string; code: string }[];
}

/**
 * The children, in index order, and the tree that they belong to. All or nothing: where one could not be made, the others are
 * removed and its error is thrown.
 */
export async function forkInto(
  http: Http,
  path: string,
  options: ForkTreeOptions,
): Promise<{ treeId: string | undefined; children: SandboxInfo[] }> {
  const { count, metadata, ttlSeconds, persistent, env, network, egressMbps, volumes, ...call } = options;
  const reach = { network, egress_mbps: egressMbps };
  const json = { count, metadata, ttl_seconds: ttlSeconds, persistent, env, ...reach, volumes };
  const answer = await http.json<Answer>("POST", path, { ...withKey(call), json });
  const failure = answer.errors?.[0];
  if (failure !== undefined) {
    const removals = answer.children.map(({ id }) => http.json("DELETE", `/sandboxes/${encodeURIComponent(id)}`));
    await Promise.allSettled(removals);
    throw errorOfBody(failure);
  }
  return { treeId: answer.tree_id, children: answer.children };
}
