import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { fsyncFolder, newHexId, crashPoint } from "@pandastack/platform";
import { scratchDir } from "../files/layout.ts";
import { writeManifest } from "../images/manifest.ts";
import { GUEST_PROTOCOL_VERSION } from "../images/template-key.ts";
import type { Runtime, SnapshotOutcome } from "../runtimes/runtime.ts";
import { asRefusalWhenFull } from "./admission/index.ts";
import type { HostContext } from "./context.ts";
import type { SandboxEntry } from "./entry.ts";
import type { SandboxRecord } from "./record.ts";
import { whileQuiet } from "./quiet.ts";

/** Takes a living sandbox's image into a scratch folder and moves it whole to `target`. */
export async function takeImage(
  context: HostContext,
  entry: SandboxEntry,
  options: { target: string; resume: boolean; durable: boolean },
): Promise<SnapshotOutcome> {
  const scratch = scratchDir(context.layout, `image-${newHexId(6)}`);
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  crashPoint("host.image.scratch-made");
  try {
    const outcome = await whileQuiet(entry, { goesOn: options.resume }, () =>
      entry.machine.snapshot({ imageDir: scratch, resume: options.resume, durable: options.durable }),
    );
    writeImageManifest(scratch, entry.record, context.runtimes.require(entry.record.runtime).runtime);
    crashPoint("host.image.described");
    mkdirSync(dirname(options.target), { recursive: true, mode: 0o700 });
    rmSync(options.target, { recursive: true, force: true });
    crashPoint("host.image.old-removed");
    renameSync(scratch, options.target);
    if (options.durable) fsyncFolder(dirname(options.target));
    crashPoint("host.image.moved");
    return outcome;
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true });
    throw asRefusalWhenFull(error);
  }
}

/** The build is the one that the machine runs on: its memory is restored by no other. */
export function writeImageManifest(
  dir: string,
  record: SandboxRecord,
  runtime: Pick<Runtime, "name" | "buildKey" | "cpuFeatures">,
): void {
  const { template, templateKey, cpus, memoryMb, diskMb, mac } = record;
  writeManifest(dir, {
    format: 1,
    runtime: runtime.name,
    buildKey: record.machine?.buildKey ?? runtime.buildKey,
    ...(record.machine?.needs && { needs: [...record.machine.needs] }),
    ...(runtime.cpuFeatures && { cpuFeatures: [...runtime.cpuFeatures] }),
    template,
    templateKey,
    cpus,
    memoryMb,
    diskMb,
    mac,
    protocol: GUEST_PROTOCOL_VERSION,
    createdAt: new Date().toISOString(),
    ...(record.volumes === undefined ? {} : { volumes: [...record.volumes] }),
  });
}
