import { crashPoint } from "@pandastack/platform";
import type { Handlers } from "../calls/call.ts";
import { commandHandlers } from "./commands/routes.ts";
import { onSandbox } from "./entry.ts";
import { fileHandlers } from "./files/routes.ts";
import { lifecycleInfo, sandboxInfo } from "./info.ts";
import { observationHandlers } from "./observation/routes.ts";
import type { SandboxParts } from "./parts.ts";
import { childTtlSeconds, keptMetadata } from "./rules.ts";
import { changeState } from "./service/change-state.ts";
import { updateLifecycle } from "./service/configure.ts";
import { createSandbox } from "./service/create.ts";
import { readNetwork, updateSandbox } from "./service/network.ts";
import { fork } from "./service/fork.ts";
import { promote } from "./service/promote.ts";
import { deleteSandbox } from "./service/remove.ts";
import { createSnapshot } from "./service/snapshot.ts";
import { findWithNow, listSandboxes } from "./store.ts";
import { deriveUuid } from "../calls/ids.ts";
import { snapshotInfo } from "../snapshots/store.ts";
import { tellOwnEvent } from "../events/store.ts";
import type { WithTemplates } from "../templates/resolve.ts";

type Operations =
  | "createSandbox"
  | "listSandboxes"
  | "getSandbox"
  | "deleteSandbox"
  | "pauseSandbox"
  | "resumeSandbox"
  | "hibernateSandbox"
  | "wakeSandbox"
  | "stopSandbox"
  | "startSandbox"
  | "getLifecycle"
  | "updateLifecycle"
  | "updateSandbox"
  | "getSandboxNetwork"
  | "createSnapshot"
  | "forkSandbox"
  | "forkTree"
  | "promoteSandbox";

const DEFAULT_TREE_COUNT = 2;

function lifeHandlers(parts: SandboxParts, withTemplates: WithTemplates): Pick<Handlers, Operations> {
  const { db } = parts;
  return {
    createSandbox: async ({ principal, seed, body, signal }) => {
      const { workspace } = principal;
      const options = { workspace, policies: principal, seed, request: body ?? {}, signal };
      const row = await withTemplates({ principal, signal }, () => createSandbox(parts, options));
      return { status: 201, body: sandboxInfo(row) };
    },
    listSandboxes: async ({ principal, query }) => ({
      status: 200,
      body: (await listSandboxes(db, principal.workspace, query.status)).map(sandboxInfo),
    }),
    getSandbox: onSandbox(parts, "getSandbox", async (_, row) => ({ status: 200, body: sandboxInfo(row) })),
    deleteSandbox: async ({ principal, params }) => {
      await deleteSandbox(parts, principal.workspace, params.id);
      return { status: 204 };
    },

    pauseSandbox: onSandbox(parts, "pauseSandbox", async ({ signal }, row) => {
      await changeState(parts, row, "pause", signal);
      return { status: 204 };
    }),
    resumeSandbox: onSandbox(parts, "resumeSandbox", async ({ signal }, row) => {
      await changeState(parts, row, "resume", signal);
      return { status: 204 };
    }),
    hibernateSandbox: onSandbox(parts, "hibernateSandbox", async ({ signal }, row) => ({
      status: 200,
      body: { status: (await changeState(parts, row, "hibernate", signal)).status },
    })),
    wakeSandbox: onSandbox(parts, "wakeSandbox", async ({ signal }, row) => ({
      status: 200,
      body: { status: (await changeState(parts, row, "wake", signal)).status },
    })),
    stopSandbox: onSandbox(parts, "stopSandbox", async ({ signal }, row) => ({
      status: 200,
      body: { status: (await changeState(parts, row, "hibernate", signal)).status },
    })),
    startSandbox: onSandbox(parts, "startSandbox", async ({ signal }, row) => ({
      status: 200,
      body: { status: (await changeState(parts, row, "wake", signal)).status },
    })),

    getLifecycle: async ({ principal, params }) => ({
      status: 200,
      body: lifecycleInfo(await findWithNow(db, principal.workspace, params.id)),
    }),
    updateLifecycle: onSandbox(parts, "updateLifecycle", async ({ body }, row) => {
      await updateLifecycle(parts, row, body);
      return { status: 200, body: lifecycleInfo(await findWithNow(db, row.workspace, row.id)) };
    }),

    updateSandbox: onSandbox(parts, "updateSandbox", async ({ body, principal }, row) => ({
      status: 200,
      body: sandboxInfo(await updateSandbox(parts, row, body, principal.network)),
    })),
    getSandboxNetwork: onSandbox(parts, "getSandboxNetwork", async (_, row) => ({
      status: 200,
      body: await readNetwork(parts, row),
    })),

    createSnapshot: onSandbox(parts, "createSnapshot", async ({ seed }, row) => ({
      status: 201,
      body: snapshotInfo(await createSnapshot(parts, row, seed)),
    })),

    forkSandbox: onSandbox(parts, "forkSandbox", async ({ principal, seed, body, signal }, row) => {
      const metadata = { ...keptMetadata(body?.metadata ?? {}), forked_from: row.id };
      const { children, errors, pausedMs } = await fork(parts, row, {
        seed,
        count: body?.count ?? 1,
        metadata: () => metadata,
        persistent: body?.persistent ?? false,
        ttlSeconds: childTtlSeconds(body ?? {}, row.ttl_seconds),
        env: body?.env ?? {},
        network: body ?? {},
        policies: principal,
        volumes: body?.volumes ?? "read_only",
        signal,
      });
      const infos = children.map(sandboxInfo);
      return {
        status: 201,
        body: {
          ...infos[0]!,
          parent_id: row.id,
          snapshot_id: null,
          at: new Date().toISOString(),
          paused_ms: pausedMs,
          sandbox: infos[0]!,
          children: infos,
          ...(errors.length === 0 ? {} : { errors }),
        },
      };
    }),

    forkTree: onSandbox(parts, "forkTree", async ({ principal, seed, body, signal }, row) => {
      const treeId = deriveUuid(seed, "tree");
      const own = keptMetadata(body?.metadata ?? {});
      const { children, errors, pausedMs } = await fork(parts, row, {
        seed,
        count: body?.count ?? DEFAULT_TREE_COUNT,
        metadata: (index) => ({
          ...own,
          forked_from: row.id,
          fork_tree_id: treeId,
          fork_tree_role: "child",
          fork_parent_id: row.id,
          fork_index: String(index),
        }),
        persistent: body?.persistent ?? false,
        ttlSeconds: childTtlSeconds(body ?? {}, row.ttl_seconds),
        env: body?.env ?? {},
        network: body ?? {},
        policies: principal,
        volumes: body?.volumes ?? "read_only",
        signal,
      });
      crashPoint("control.tree.forked");
      await tellOwnEvent(parts, row.id, "fork_tree.completed", {
        tree_id: treeId,
        children: children.map((child) => child.id),
        failed: errors.length,
      });
      return {
        status: 201,
        body: {
          tree_id: treeId,
          parent_id: row.id,
          snapshot_id: null,
          at: new Date().toISOString(),
          paused_ms: pausedMs,
          children: children.map(sandboxInfo),
          ...(errors.length === 0 ? {} : { errors }),
        },
      };
    }),

    promoteSandbox: onSandbox(parts, "promoteSandbox", async ({ body }, row) => ({
      status: 200,
      body: await promote(parts, row, body ?? {}),
    })),
  };
}

export function sandboxHandlers(parts: SandboxParts, withTemplates: WithTemplates) {
  return {
    ...lifeHandlers(parts, withTemplates),
    ...commandHandlers(parts),
    ...fileHandlers(parts),
    ...observationHandlers(parts),
  };
}
