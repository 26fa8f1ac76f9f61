import type { HostSandboxState, HostVolume, SandboxVolume } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";

/** A volume in the journal. */
export interface VolumeRecord extends HostVolume {
  /** Bytes that it shared with another when it was made as a copy: as many more may be needed when either is rewritten. */
  readonly sharedBytes: number;
  /**
   * No guest's kernel has had its blocks: its file system was made and written by this host's kernel alone, which so may mount it.
   * Absent: one may have, or nobody knows.
   */
  readonly isHostWritten?: boolean;
}

/** A volume as a sandbox's record has it. */
export interface AttachedVolume extends SandboxVolume {
  /** Which of the template's free drives it is in: 0 is /dev/vdb. */
  readonly drive: number;
  /** How large its guest knows it to be. */
  readonly sizeBytes: number;
  /** Of a copy for reading: bytes that the pool may have to find once the volume itself is rewritten. */
  readonly copyBytes: number;
}

export const devicePath = (drive: number): string => `/dev/vd${"bcdefghijkl"[drive]}`;

type Wanted = Pick<SandboxVolume, "volumeId" | "readOnly">;
interface Holder extends Wanted {
  readonly sandboxId: string;
}
interface HoldingEntry {
  readonly state: HostSandboxState;
  readonly record: { readonly id: string; readonly volumes?: readonly AttachedVolume[] };
}

/**
 * The volumes of this host and who has them. An attachment is nothing of its own: it is in the record of a sandbox, and
 * belongs to it as long as that lives or sleeps; here is only what is between two records: commands under way, and machines
 * of deleted sandboxes that have not ended yet.
 */
export class VolumeRegistry {
  readonly records = new Map<string, VolumeRecord>();
  readonly #entries: ReadonlyMap<string, HoldingEntry>;
  readonly #claims = new Set<Holder>();
  readonly #leaving = new Map<string, Promise<void>>();

  constructor(entries: ReadonlyMap<string, HoldingEntry>) {
    this.#entries = entries;
  }

  require(id: string): VolumeRecord {
    const record = this.records.get(id);
    if (!record) throw new Refusal("volume.not_found", `there is no volume ${id} on this host`);
    return record;
  }

  holders(id: string): Holder[] {
    const living = [...this.#entries.values()].flatMap((entry) =>
      entry.state === "failed"
        ? []
        : (entry.record.volumes ?? []).map((volume) => ({ ...volume, sandboxId: entry.record.id })),
    );
    return [...living, ...this.#claims].filter((holder) => holder.volumeId === id);
  }

  writer(id: string): Holder | undefined {
    return this.holders(id).find((holder) => !holder.readOnly);
  }

  /** Until it is released, nobody else gets these for writing. Whoever is second is refused; nothing waits in here. */
  claim(sandboxId: string, volumes: readonly Wanted[]): () => void {
    for (const { volumeId, readOnly } of volumes) {
      const record = this.require(volumeId);
      if (readOnly) continue;
      if (record.isSnapshot)
        throw new Refusal(
          "volume.read_only",
          `volume "${record.name}" is a snapshot: attach it for reading, or clone it and write to the clone`,
        );
      const writer = this.writer(volumeId);
      if (writer)
        throw new Refusal(
          "volume.in_use",
          `volume "${record.name}" is attached to sandbox ${writer.sandboxId} for writing; attach it for reading, or delete that sandbox`,
          { details: { sandbox_id: writer.sandboxId } },
        );
    }
    const claims = volumes.map(({ volumeId, readOnly }) => ({ sandboxId, volumeId, readOnly }));
    for (const claim of claims) this.#claims.add(claim);
    return () => claims.forEach((claim) => this.#claims.delete(claim));
  }

  requireDetached(id: string): void {
    const [holder] = this.holders(id);
    if (!holder) return;
    throw new Refusal(
      "volume.in_use",
      `volume "${this.require(id).name}" is attached to sandbox ${holder.sandboxId}; delete that first`,
      { details: { sandbox_id: holder.sandboxId } },
    );
  }

  /** The sandbox is gone and its machine is about to be: until then its volumes are nobody's to take. */
  leave(volumes: readonly Wanted[] | undefined, ended: Promise<void>): void {
    for (const { volumeId } of volumes ?? []) {
      const all = Promise.allSettled([this.#leaving.get(volumeId), ended]).then(() => {
        if (this.#leaving.get(volumeId) === all) this.#leaving.delete(volumeId);
      });
      this.#leaving.set(volumeId, all);
    }
  }

  /** Resolves when machines of deleted sandboxes have let go of these. */
  async left(volumes: readonly { readonly volumeId: string }[]): Promise<void> {
    for (const { volumeId } of volumes) await this.#leaving.get(volumeId);
  }
}
