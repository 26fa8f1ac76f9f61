import type { ForkResult, ForkVolumes } from "@pandastack/contracts/host";
import { Fault, Refusal } from "@pandastack/platform";
import { deriveUuid } from "../../calls/ids.ts";
import type { Database } from "../../persistence/database.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import { undoVolumes } from "../../volumes/service.ts";
import { beginVolume, finishVolume, forgetVolumes } from "../../volumes/store.ts";
import type { SandboxParts } from "../parts.ts";
import { undo } from "./make.ts";

const NAME_CHARACTERS = 63;
/** Of a child's id: enough to tell it from all others of a workspace. */
const ID_CHARACTERS = 8;

/** For each child the volumes that it is to have of its own. */
type Clones = ReadonlyMap<string, Extract<ForkVolumes, readonly unknown[]>>;

export const cloneIds = (clones: Clones): string[] => [...clones.values()].flat().map((clone) => clone.volumeId);

/** Rows of the clones of what the parent writes to. Where one cannot be, neither can the fork. */
export async function beginClones(
  parts: SandboxParts,
  parent: SandboxRow,
  children: readonly SandboxRow[],
  seed: string,
): Promise<Clones> {
  const clones = new Map<string, Extract<ForkVolumes, readonly unknown[]>>();
  const begun: string[] = [];
  try {
    for (const child of children) {
      const own: Extract<ForkVolumes, readonly unknown[]> = [];
      clones.set(child.id, own);
      for (const volume of parent.volumes) {
        if (volume.readOnly) continue;
        const suffix = `-${child.id.slice(0, ID_CHARACTERS)}`;
        const name = `${volume.name.slice(0, NAME_CHARACTERS - suffix.length)}${suffix}`;
        const volumeId = deriveUuid(seed, `clone ${child.id} ${volume.volumeId}`);
        await parts.abandoned.reclaim([volumeId]);
        begun.push(volumeId);
        const { wanted } = await beginVolume(parts.db, {
          id: volumeId,
          workspace: parent.workspace,
          name,
          operationId: child.operation_id,
          owner: parts.presence.id,
          sizeBytes: 0,
          isSnapshot: false,
        });
        // Undone since its first time: so are the children then, and the next try begins anew.
        if (wanted === "deleted") throw new Fault("internal.database", "the database was not available; try again");
        own.push({ of: volume.volumeId, volumeId, name });
      }
    }
    return clones;
  } catch (error) {
    if (!(error instanceof Refusal)) parts.abandoned.add(begun);
    await undoVolumes(parts, begun, error);
    await undo(parts, children, error);
    throw error;
  }
}

/** What is to be written down beside the children: the host has said which came to be; the volumes of the others are not there. */
export async function clonesFinisher(
  parts: SandboxParts,
  clones: Clones,
  result: ForkResult,
): Promise<(db: Database) => Promise<void>> {
  const sizes = new Map((await parts.host.volumes()).map((volume) => [volume.id, volume.sizeBytes]));
  return async (db) => {
    for (const child of result.children) {
      const own = clones.get(child.ok ? child.sandbox.id : child.sandboxId) ?? [];
      if (!child.ok)
        await forgetVolumes(
          db,
          own.map((clone) => clone.volumeId),
        );
      else
        for (const { volumeId } of own) await finishVolume(db, { id: volumeId, sizeBytes: sizes.get(volumeId) ?? 0 });
    }
  };
}
