import { Refusal } from "@pandastack/platform";
import type { HostCommand, HostSandbox, HostVolume, SandboxVolume } from "@pandastack/contracts/host";

type VolumeCommand = Extract<HostCommand, { volumeId: string }>;
/** Larger than this the stand-in's pool has no room for. */
const POOL_BYTES = 40 * 1024 ** 3;

/** The volumes of the stand-in host: names and sizes, and who has them. */
export class StandInVolumes {
  readonly volumes = new Map<string, HostVolume>();
  readonly #sandboxes: ReadonlyMap<string, { info: HostSandbox }>;

  constructor(sandboxes: ReadonlyMap<string, { info: HostSandbox }>) {
    this.#sandboxes = sandboxes;
  }

  execute(command: VolumeCommand): HostVolume | Record<string, never> {
    switch (command.name) {
      case "createVolume":
        return this.add(command.volumeId, command.volumeName, command.sizeBytes, false);
      case "cloneVolume":
        return this.add(command.volumeId, command.volumeName, this.#find(command.from).sizeBytes, command.isSnapshot);
      case "growVolume": {
        const volume = this.#find(command.volumeId);
        if (command.sizeBytes < volume.sizeBytes) throw new Refusal("validation.failed", "size_mb: volumes only grow");
        const grown = { ...volume, sizeBytes: command.sizeBytes };
        this.volumes.set(volume.id, grown);
        return grown;
      }
      case "deleteVolume":
        this.#find(command.volumeId);
        if (this.#holders(command.volumeId).length > 0) throw new Refusal("volume.in_use", "it is attached");
        this.volumes.delete(command.volumeId);
        return {};
    }
  }

  add(id: string, name: string, sizeBytes: number, isSnapshot: boolean): HostVolume {
    if (sizeBytes > POOL_BYTES) throw new Refusal("capacity.insufficient_storage", "the pool has no room for it");
    const volume = { id, name, sizeBytes, isSnapshot, createdAt: new Date().toISOString() };
    this.volumes.set(id, volume);
    return volume;
  }

  requireFree(volumes: readonly SandboxVolume[]): void {
    for (const { volumeId, readOnly } of volumes) {
      const { isSnapshot } = this.#find(volumeId);
      if (readOnly) continue;
      if (isSnapshot) throw new Refusal("volume.read_only", "it is a snapshot");
      if (this.#holders(volumeId).some((volume) => !volume.readOnly))
        throw new Refusal("volume.in_use", "another sandbox writes to it");
    }
  }

  #holders(id: string): SandboxVolume[] {
    return [...this.#sandboxes.values()]
      .filter(({ info }) => info.state !== "failed")
      .flatMap(({ info }) => info.volumes ?? [])
      .filter((volume) => volume.volumeId === id);
  }

  #find(id: string): HostVolume {
    const volume = this.volumes.get(id);
    if (volume === undefined) throw new Refusal("volume.not_found", "there is no such volume on this host");
    return volume;
  }
}
