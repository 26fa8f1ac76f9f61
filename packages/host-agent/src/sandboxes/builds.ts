import { existsSync, readdirSync } from "node:fs";
import { dirname } from "node:path";
import { crashPoint, writeFileAtomic } from "@pandastack/platform";
import {
  hibernationDir,
  neededBuildsFile,
  sandboxDir,
  snapshotDir,
  templateDir,
  type HostLayout,
} from "../files/layout.ts";
import type { Artifacts } from "../images/artifacts.ts";
import { readManifest } from "../images/manifest.ts";
import { rootsInUse } from "../templates/root-files.ts";
import type { HostContext } from "./context.ts";

/**
 * Writes down which builds in the host's cache the images of this data folder are restored with, outside of the pool: whoever
 * clears the cache while the server is stopped looks there. Images that are made from now on need what is in it already: what
 * an image or a machine of today needs, or what today's artifacts are.
 */
export function rememberBuilds(context: HostContext, artifacts: Artifacts): void {
  const { layout, entries } = context;
  const machines = [...entries.values()].flatMap(({ record }) => record.machine?.needs ?? []);
  const ofToday = artifacts.gvisor
    ? [artifacts.gvisor.runsc, ...Object.values(artifacts.gvisor.erofs).map(({ path }) => path)]
    : [];
  const images = imageDirs(layout).flatMap((dir) => readManifest(dir)?.needs ?? []);
  const paths = [...new Set([...ofToday, ...machines, ...images, ...rootsInUse(layout)])].toSorted();
  writeFileAtomic(neededBuildsFile(layout), JSON.stringify({ paths }, null, 2));
  crashPoint("host.recovery.builds-noted");
}

function imageDirs(layout: HostLayout): string[] {
  const within = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);
  return [
    ...within(dirname(snapshotDir(layout, "x"))).map((id) => snapshotDir(layout, id)),
    ...within(dirname(sandboxDir(layout, "x"))).map((id) => hibernationDir(layout, id)),
    ...within(dirname(templateDir(layout, "x"))).map((key) => templateDir(layout, key)),
  ];
}
