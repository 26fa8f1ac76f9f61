import type { ForkError, Network } from "@pandastack/contracts";
import type { Env, ForkResult } from "@pandastack/contracts/host";
import { errorRegistry, type ErrorCode } from "@pandastack/contracts";
import { Fault, Refusal, crashPoint } from "@pandastack/platform";
import type { z } from "zod";
import type { Principal } from "../../calls/call.ts";
import { deriveSandboxId, deriveUuid } from "../../calls/ids.ts";
import type { Database } from "../../persistence/database.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import { undoVolumes } from "../../volumes/service.ts";
import type { SandboxParts } from "../parts.ts";
import { finishCreating, forget, type NewSandbox } from "../store.ts";
import { beginClones, cloneIds, clonesFinisher } from "./fork-volumes.ts";
import { inheritedIdle, requireKernel } from "../rules.ts";
import { begin, undo } from "./make.ts";
import { chooseNetwork } from "./network.ts";
import { removeFromHost } from "./remove.ts";

export interface ForkOptions {
  readonly seed: string;
  readonly count: number;
  /** Metadata of the child with this index. */
  readonly metadata: (index: number) => Record<string, string>;
  readonly persistent: boolean;
  readonly ttlSeconds: number;
  readonly env: z.infer<typeof Env>;
  /** What was asked for; the parent's where nothing was. */
  readonly network: { network?: Network | null | undefined; egress_mbps?: number | null | undefined };
  /** Of the workspace. */
  readonly policies: Pick<Principal, "network" | "isolation">;
  readonly volumes: "read_only" | "clone";
  /** Fires when the caller has gone away. */
  readonly signal: AbortSignal;
}

export interface Forked {
  /** In index order, without those that failed. */
  readonly children: SandboxRow[];
  readonly errors: ForkError[];
  readonly pausedMs: number;
}

/** Children with the parent's memory and disk as of one instant. Throws when not even one came to be. */
export function fork(parts: SandboxParts, parent: SandboxRow, options: ForkOptions): Promise<Forked> {
  const { count, signal } = options;
  return parts.work.run({ workspace: parent.workspace, weight: count, signal }, () => make(parts, parent, options));
}

async function make(parts: SandboxParts, parent: SandboxRow, options: ForkOptions): Promise<Forked> {
  const { seed, count } = options;
  requireKernel(options.policies.isolation, parent.runtime);
  const network = chooseNetwork(parts, options.policies.network, options.network, parent.network);
  const plan = (round: number): NewSandbox[] =>
    Array.from({ length: count }, (_, index) => ({
      id: deriveSandboxId(seed, `fork ${round} ${index}`),
      operationId: deriveUuid(seed, `fork ${round}`),
      owner: parts.presence.id,
      template: parent.template,
      fromSnapshot: null,
      persistent: options.persistent,
      ttlSeconds: options.ttlSeconds,
      ...inheritedIdle(parent, options.persistent),
      metadata: options.metadata(index),
      network,
      runtime: parent.runtime,
      isolation: parent.isolation,
      cpu: parent.cpu,
      memoryMb: parent.memory_mb,
      diskMb: parent.disk_mb,
    }));
  const { rows, isDone } = await begin(parts, parent.workspace, plan);
  if (isDone) return { children: rows, errors: [], pausedMs: 0 };
  crashPoint("control.fork.written");
  const clones = options.volumes === "clone" ? await beginClones(parts, parent, rows, seed) : undefined;
  try {
    const begun = performance.now();
    const result = await parts.host.execute(rows[0]!.operation_id, {
      name: "forkSandbox",
      sandboxId: parent.id,
      children: rows.map((row) => ({
        sandboxId: row.id,
        env: options.env,
        persistent: options.persistent,
        network,
        ...(clones === undefined ? {} : { volumes: clones.get(row.id) ?? [] }),
      })),
    });
    crashPoint("control.fork.made");
    if (result.children.some((child) => child.ok)) parts.counters.forked(performance.now() - begun);
    const finish = clones === undefined ? undefined : await clonesFinisher(parts, clones, result);
    return await settle(parts, rows, result, finish);
  } catch (error) {
    await undo(parts, rows, error);
    if (clones !== undefined) await undoVolumes(parts, cloneIds(clones), error);
    throw error;
  }
}

async function settle(
  parts: SandboxParts,
  rows: readonly SandboxRow[],
  result: ForkResult,
  finishClones?: (db: Database) => Promise<void>,
): Promise<Forked> {
  // All of them or none: what is undone because one could not be finished is undone as a whole, and as long as one is unfinished
  // a repetition has to find every row to send the same command again.
  const finished = await parts.db.transaction().execute(async (transaction) => {
    const made: (SandboxRow | undefined)[] = [];
    for (const index of rows.keys()) {
      const child = result.children[index];
      if (child === undefined)
        throw new Fault("internal.error", "internal error", {
          operatorMessage: "the host's fork result lacks children",
        });
      made.push(child.ok ? await finishCreating(transaction, child.sandbox) : undefined);
      crashPoint("control.fork.finished-one");
    }
    await finishClones?.(transaction);
    const failed = rows.filter((_, index) => result.children[index]?.ok === false).map((row) => row.id);
    if (failed.length > 0) await forget(transaction, failed);
    return made;
  });
  const settled = await Promise.all(
    rows.map(async (row, index) => {
      const child = result.children[index]!;
      if (!child.ok) {
        return { index, error: child.error, err: child.error, code: child.code };
      }
      const made = finished[index];
      if (made !== undefined) return made;
      // Somebody deleted it while it was being made. Its row says so to reconcilers, where it cannot be done now.
      await removeFromHost(parts, row.id).catch(() => {});
      return {
        index,
        error: "deleted while it was being created",
        err: "deleted while it was being created",
        code: "sandbox.conflict",
      };
    }),
  );
  crashPoint("control.fork.finished");
  const children = settled.filter((one): one is SandboxRow => "id" in one);
  const errors = settled.filter((one): one is ForkError => "index" in one);
  const first = errors[0];
  if (children.length === 0 && first !== undefined) {
    throw new Refusal(
      Object.hasOwn(errorRegistry, first.code) ? (first.code as ErrorCode) : "sandbox.boot_failed",
      first.error,
    );
  }
  return { children, errors, pausedMs: result.pausedMs };
}
