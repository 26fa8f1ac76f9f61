import type { SandboxVolume } from "@pandastack/contracts/host";
import { Refusal, crashPoint } from "@pandastack/platform";
import type { Runtime } from "../../runtimes/runtime.ts";
import type { HostContext } from "../context.ts";

/** Whether a guest's kernel may have written to it: a file system made to break its reader would break this host's kernel. */
export const isForeign = (context: HostContext, { volumeId }: Pick<SandboxVolume, "volumeId">): boolean =>
  context.volumes.require(volumeId).isHostWritten !== true;

/**
 * Before a runtime's machine gets them. One whose volumes this host's kernel mounts gets none that a guest's kernel may have
 * written to. One that gives a guest the blocks makes a volume such a one, for good and before it does.
 */
export function handVolumesTo(context: HostContext, runtime: Runtime, asked: readonly SandboxVolume[]): void {
  for (const { volumeId, name, readOnly } of asked) {
    const record = context.volumes.require(volumeId);
    if (runtime.mountsVolumes === true) {
      if (record.isHostWritten === true) continue;
      throw new Refusal(
        "volume.incompatible",
        `volume "${name}" was attached to a microVM, whose kernel could write anything to it: a sandbox of the runtime "${runtime.name}" has its volumes mounted by the host and gets only such as no microVM has written to; ask for "microvm", or copy the files`,
      );
    }
    // Of one that it reads it gets a copy.
    if (readOnly) continue;
    if (record.isHostWritten === true) {
      const foreign = { ...record, isHostWritten: false };
      context.commit([{ putVolume: { id: volumeId, record: foreign } }]);
      context.volumes.records.set(volumeId, foreign);
    }
    crashPoint("host.volume.handed-over");
  }
}
