import { randomUUID } from "node:crypto";
import type { HostCommand, SandboxVolume } from "@pandastack/contracts/host";
import { errorRegistry, type VolumeMount } from "@pandastack/contracts";
import { Refusal, crashPoint } from "@pandastack/platform";
import { deriveUuid } from "../calls/ids.ts";
import type { HostClient } from "../hosts/client.ts";
import { isAnother } from "../hosts/failures.ts";
import type { Database } from "../persistence/database.ts";
import type { VolumeRow } from "../persistence/tables.ts";
import { unwantUnfinished } from "../persistence/unfinished.ts";
import {
  beginVolume,
  buryVolume,
  findVolume,
  finishVolume,
  forgetVolumes,
  MIB,
  unwantVolume,
  volumeHolders,
  wantHeldVolumeAgain,
  wantVolumeAgain,
} from "./store.ts";

export interface VolumeParts {
  readonly db: Database;
  readonly host: HostClient;
  readonly presence: { readonly id: string };
  readonly abandoned: { add(ids: Iterable<string>): void; reclaim(ids: readonly string[]): Promise<void> };
}

interface Making {
  readonly workspace: string;
  readonly seed: string;
  readonly name: string;
}

export function createVolume(parts: VolumeParts, given: Making & { sizeMb: number }): Promise<VolumeRow> {
  const sizeBytes = given.sizeMb * MIB;
  return make(parts, { ...given, sizeBytes, isSnapshot: false }, (volumeId) => ({
    name: "createVolume",
    volumeId,
    volumeName: given.name,
    sizeBytes,
  }));
}

/** A clone, or a snapshot, which is a clone that nobody writes to. */
export async function copyVolume(
  parts: VolumeParts,
  given: Making & { of: string; isSnapshot: boolean },
): Promise<VolumeRow> {
  const { isSnapshot, name } = given;
  const source = await findVolume(parts.db, given.workspace, given.of);
  return make(parts, { ...given, sizeBytes: source.size_bytes }, (volumeId) => ({
    name: "cloneVolume",
    volumeId,
    from: source.id,
    volumeName: name,
    isSnapshot,
  }));
}

/** Lives of one idempotency key, as of a sandbox's create. */
const ROUNDS_LIMIT = 16;

async function make(
  parts: VolumeParts,
  given: Making & { sizeBytes: number; isSnapshot: boolean },
  commandFor: (volumeId: string) => Extract<HostCommand, { name: "createVolume" | "cloneVolume" }>,
): Promise<VolumeRow> {
  for (let round = 0; round < ROUNDS_LIMIT; round++) {
    const row = await begin(parts, given, round);
    // What the same request made before was deleted, by somebody or as unfinished: it is made anew.
    if (row.wanted === "deleted") continue;
    return row.status === "ready" ? row : finish(parts, row, commandFor(row.id));
  }
  throw new Refusal(
    "idempotency.conflict",
    "Idempotency-Key: what this key made was deleted too often; use another key",
  );
}

async function begin(
  parts: VolumeParts,
  given: Making & { sizeBytes: number; isSnapshot: boolean },
  round: number,
): Promise<VolumeRow> {
  const id = deriveUuid(given.seed, `volume ${round}`);
  const operationId = deriveUuid(given.seed, `volume operation ${round}`);
  await parts.abandoned.reclaim([id]);
  return beginVolume(parts.db, { ...given, id, operationId, owner: parts.presence.id }).catch((error: unknown) => {
    // The row may be there all the same: a lost answer is not a lost statement.
    if (!(error instanceof Refusal)) parts.abandoned.add([id]);
    throw error;
  });
}

async function finish(
  parts: VolumeParts,
  { id, operation_id: operationId }: VolumeRow,
  command: Extract<HostCommand, { name: "createVolume" | "cloneVolume" }>,
): Promise<VolumeRow> {
  crashPoint("control.volume.written");
  try {
    const host = await parts.host.execute(operationId, command);
    crashPoint("control.volume.made");
    const made = await finishVolume(parts.db, host);
    crashPoint("control.volume.finished");
    if (made !== undefined) return made;
  } catch (error) {
    await undoVolumes(parts, [id], error);
    throw error;
  }
  await removeVolume(parts, id);
  throw new Refusal("volume.already_exists", "the volume was deleted while it was being made");
}

/** What the host refused left nothing there; anything else leaves it open, and a reconciler looks. */
export async function undoVolumes(parts: VolumeParts, ids: readonly string[], error: unknown): Promise<void> {
  if (ids.length === 0) return;
  try {
    const isRefused =
      error instanceof Refusal &&
      !isAnother(error) &&
      (errorRegistry[error.code].status < 500 || error.code.startsWith("capacity."));
    if (isRefused) await forgetVolumes(parts.db, ids);
    else await unwantUnfinished(parts.db, "volumes", ids, parts.presence.id);
  } catch {
    parts.abandoned.add(ids);
  }
}

/** Larger, on the host first: a repetition finds it so. */
export async function growVolume(
  parts: VolumeParts,
  given: { workspace: string; name: string; sizeMb: number },
): Promise<VolumeRow> {
  const row = await findVolume(parts.db, given.workspace, given.name);
  const sizeBytes = given.sizeMb * MIB;
  if (sizeBytes < row.size_bytes) {
    const text = `size_mb: the volume has ${row.size_bytes / MIB}, and volumes only grow`;
    throw new Refusal("validation.failed", text, { details: { field: "size_mb" } });
  }
  const host = await parts.host
    .execute(randomUUID(), { name: "growVolume", volumeId: row.id, sizeBytes })
    .catch(async (error: unknown) => {
      // The file has grown. The sandbox that has it mounted takes notice when it mounts it anew.
      if (error instanceof Refusal && error.code === "volume.mount_failed")
        await finishVolume(parts.db, { id: row.id, sizeBytes });
      throw error;
    });
  crashPoint("control.volume-grow.made");
  return (await finishVolume(parts.db, host)) ?? row;
}

export async function deleteVolume(parts: VolumeParts, workspace: string, name: string): Promise<void> {
  const row = await findVolume(parts.db, workspace, name);
  const [holder] = (await volumeHolders(parts.db, workspace)).get(row.id) ?? [];
  if (holder)
    throw new Refusal(
      "volume.in_use",
      `volume "${name}" is attached to sandbox ${holder.sandbox_id}; delete that first`,
      {
        details: { sandbox_id: holder.sandbox_id },
      },
    );
  await unwantVolume(parts.db, row.id);
  crashPoint("control.volume-delete.unwanted");
  try {
    await removeVolume(parts, row.id);
  } catch (error) {
    // A sandbox has come to have it since.
    if (error instanceof Refusal && error.code === "volume.in_use") await wantVolumeAgain(parts.db, row.id);
    throw error;
  }
}

/** The host's part of a deletion. */
export async function removeVolume(parts: Pick<VolumeParts, "db" | "host">, id: string): Promise<void> {
  try {
    await parts.host.execute(randomUUID(), { name: "deleteVolume", volumeId: id });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "volume.not_found") throw error;
  }
  crashPoint("control.volume-delete.removed");
  await buryVolume(parts.db, id);
}

/** The rest of a deletion that its control plane did not come to. */
export async function finishDeletion(parts: Pick<VolumeParts, "db" | "host">, id: string): Promise<void> {
  try {
    await removeVolume(parts, id);
  } catch (error) {
    if (error instanceof Refusal && error.code === "volume.in_use") await wantHeldVolumeAgain(parts.db, id);
    throw error;
  }
}

/** What a create asks for, as the host knows it. */
export async function resolveVolumes(
  db: Database,
  workspace: string,
  asked: readonly VolumeMount[],
): Promise<SandboxVolume[]> {
  const [names, paths] = [new Set<string>(), new Set<string>()];
  const resolved: SandboxVolume[] = [];
  for (const [index, { name, read_only, path }] of asked.entries()) {
    const mountPath = path ?? `/mnt/${name}`;
    if (names.has(name)) throw invalid(`volumes.${index}.name`, `"${name}" is there twice`);
    if (paths.has(mountPath)) throw invalid(`volumes.${index}.path`, `two volumes would be at ${mountPath}`);
    names.add(name);
    paths.add(mountPath);
    const row = await findVolume(db, workspace, name);
    if (row.is_snapshot && read_only === false)
      throw invalid(`volumes.${index}.read_only`, `"${name}" is a snapshot: it can be attached for reading only`);
    // A snapshot can be attached in one way only, so it need not be said.
    resolved.push({ volumeId: row.id, name, path: mountPath, readOnly: read_only ?? row.is_snapshot });
  }
  return resolved;
}

const invalid = (field: string, text: string): Refusal =>
  new Refusal("validation.failed", `${field}: ${text}`, { details: { field } });
