import type { CreateSandboxRequest } from "@pandastack/contracts";
import type { HostCommand, HostInfo, HostNetwork, SandboxVolume } from "@pandastack/contracts/host";
import { Refusal, crashPoint, markStep } from "@pandastack/platform";
import type { Principal } from "../../calls/call.ts";
import { deriveSandboxId, deriveUuid } from "../../calls/ids.ts";
import type { SandboxRow, SnapshotRow } from "../../persistence/tables.ts";
import { findSnapshot } from "../../snapshots/store.ts";
import { DEFAULT_TEMPLATE } from "../../templates/catalogue.ts";
import { askedSize } from "../../templates/size.ts";
import { resolveTemplate, type ResolvedTemplate } from "../../templates/resolve.ts";
import { resolveVolumes } from "../../volumes/service.ts";
import type { RuntimeChoice, SandboxParts } from "../parts.ts";
import { chooseRuntime, keptMetadata, newLifecycle } from "../rules.ts";
import { finishCreating, type NewSandbox } from "../store.ts";
import { begin, undo } from "./make.ts";
import { chooseNetwork } from "./network.ts";
import { removeFromHost } from "./remove.ts";

export interface CreateOptions {
  readonly workspace: string;
  readonly seed: string;
  readonly request: CreateSandboxRequest;
  /** Of the workspace. */
  readonly policies: Pick<Principal, "network" | "isolation">;
  /** Of the machine, where it is not to be the template's: in builds. */
  readonly size?: { readonly cpus?: number; readonly memoryMb: number };
  /** What it is made from, where nobody can say that by a name: in builds. */
  readonly template?: ResolvedTemplate;
  /** Fires when the caller has gone away. */
  readonly signal: AbortSignal;
}

/** One row, one command, one update, at its turn; usable once this has returned. */
export async function createSandbox(parts: SandboxParts, options: CreateOptions): Promise<SandboxRow> {
  const { workspace, request, signal } = options;
  const volumes = await resolveVolumes(parts.db, workspace, request.volumes ?? []);
  const snapshot = await findGivenSnapshot(parts, workspace, request);
  const runtime = chooseRuntime({
    asked: request.runtime,
    snapshotRuntime: snapshot?.runtime,
    isolation: options.policies.isolation,
    settings: parts.settings,
  });
  const network = chooseNetwork(parts, options.policies.network, request);
  const source = await findSource(parts, options, snapshot, runtime);
  markStep("source");
  return parts.work.run({ workspace, weight: 1, signal }, () =>
    make(parts, options, { ...source, network }, runtime, volumes),
  );
}

async function make(
  parts: SandboxParts,
  { workspace, seed, request }: CreateOptions,
  source: Source & { readonly network: HostNetwork },
  runtime: RuntimeChoice,
  volumes: SandboxVolume[],
): Promise<SandboxRow> {
  markStep("turn");
  const lifecycle = newLifecycle(request, parts.settings.defaultTtlSeconds);
  const plan = (round: number): NewSandbox[] => [
    {
      id: deriveSandboxId(seed, `create ${round}`),
      operationId: deriveUuid(seed, `create ${round}`),
      owner: parts.presence.id,
      ...lifecycle,
      metadata: keptMetadata(request.metadata ?? {}),
      network: source.network,
      ...source.expected,
    },
  ];
  const { rows, isDone } = await begin(parts, workspace, plan);
  const row = rows[0]!;
  markStep("row");
  crashPoint("control.create.written");
  if (isDone) return row;
  try {
    const host = await parts.host.execute(row.operation_id, {
      name: "createSandbox",
      sandboxId: row.id,
      from: source.from,
      runtime,
      env: { ...source.env, ...request.env },
      persistent: row.persistent,
      network: source.network,
      ...(volumes.length === 0 ? {} : { volumes }),
    });
    crashPoint("control.create.made");
    parts.counters.created("ok", host.bootMode, host.bootMs);
    markStep("host");
    const made = await finishCreating(parts.db, host);
    markStep("finish");
    crashPoint("control.create.finished");
    if (made !== undefined) return made;
  } catch (error) {
    parts.counters.created("failed", "none", 0);
    await undo(parts, rows, error);
    throw error;
  }
  // Somebody deleted it while it was being made.
  await removeFromHost(parts, row.id);
  throw new Refusal("sandbox.conflict", "the sandbox was deleted while it was being created");
}

interface Source {
  readonly from: Extract<HostCommand, { name: "createSandbox" }>["from"];
  /** Of its template. */
  readonly env: Readonly<Record<string, string>>;
  readonly expected: Pick<
    NewSandbox,
    "template" | "fromSnapshot" | "runtime" | "isolation" | "cpu" | "memoryMb" | "diskMb"
  >;
}

async function findGivenSnapshot(
  parts: SandboxParts,
  workspace: string,
  { from_snapshot: id }: CreateSandboxRequest,
): Promise<SnapshotRow | undefined> {
  return id === undefined || id === null ? undefined : findSnapshot(parts.db, workspace, id);
}

async function findSource(
  parts: SandboxParts,
  { workspace, request, size, template: given }: CreateOptions,
  snapshot: SnapshotRow | undefined,
  runtime: RuntimeChoice,
): Promise<Source> {
  if (snapshot !== undefined) return fromSnapshotSource(snapshot, await parts.watch.known());
  const name = request.template ?? DEFAULT_TEMPLATE;
  const template = given ?? (await resolveTemplate(parts.db, parts.watch, workspace, name));
  const larger = size ?? askedSize(request, template);
  return {
    from: { ...template.source, ...larger },
    env: template.env,
    expected: {
      template: template.name,
      fromSnapshot: null,
      ...expectedRuntime(await parts.watch.known(), runtime),
      cpu: larger?.cpus ?? template.cpu,
      memoryMb: larger?.memoryMb ?? template.memoryMb,
      diskMb: template.diskMb,
    },
  };
}

function fromSnapshotSource(snapshot: SnapshotRow, info: HostInfo): Source {
  const { isolation } =
    info.runtimes.find((runtime) => runtime.name === snapshot.runtime) ?? expectedRuntime(info, "auto");
  return {
    from: { snapshotId: snapshot.id },
    env: {},
    expected: {
      template: snapshot.template,
      fromSnapshot: snapshot.id,
      runtime: snapshot.runtime,
      isolation,
      cpu: snapshot.cpu,
      memoryMb: snapshot.memory_mb,
      diskMb: 0,
    },
  };
}

/** The host's first, unless one was asked for by name that it has. */
function expectedRuntime(info: HostInfo, choice: RuntimeChoice): Pick<NewSandbox, "runtime" | "isolation"> {
  const available = info.runtimes.filter((runtime) => runtime.available);
  const named = available.find(({ isolation }) => isolation.split("-")[0] === choice);
  const first = named ?? available[0] ?? info.runtimes[0];
  if (first === undefined) throw new Refusal("runtime.unavailable", "the host has no runtime that works");
  return { runtime: first.name, isolation: first.isolation };
}
