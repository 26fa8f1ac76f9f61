import { copyFileSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ExportRootRequest, HostRoot } from "@pandastack/contracts/host";
import { newHexId } from "@pandastack/platform";
import { scratchDir } from "../files/layout.ts";
import { writeArchive } from "../templates/root-archive.ts";
import { ARCHIVE, OWN_DISK } from "../templates/root-files.ts";
import type { RootStore } from "../templates/root-store.ts";
import { requireEntry, type HostContext } from "./context.ts";
import { whileQuiet } from "./quiet.ts";

/** Begins to take a running sandbox's root file system out of it; the sandbox goes on. Repeatable: says how far it is. */
export function exportRoot(context: HostContext, roots: RootStore, request: ExportRootRequest): HostRoot {
  const { key, sandboxId, diskMb } = request;
  return roots.begin(key, diskMb, async (folder) => {
    const entry = requireEntry(context, sandboxId);
    const { runtime } = context.runtimes.require(entry.record.runtime);
    if (runtime.hasOwnDisks !== true) return writeArchive(await entry.guest(), join(folder, ARCHIVE));
    const scratch = scratchDir(context.layout, `root-${newHexId(6)}`);
    mkdirSync(scratch, { recursive: true, mode: 0o700 });
    try {
      await whileQuiet(entry, { goesOn: true }, () =>
        entry.machine.snapshot({ imageDir: scratch, resume: true, durable: false }),
      );
      const file = join(folder, OWN_DISK);
      copyFileSync(join(scratch, runtime.imageDisk), file);
      return statSync(file).size;
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
}
