import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { HostTemplateSource } from "@pandastack/contracts/host";
import { crashPoint } from "@pandastack/platform";
import type { HostLayout } from "../files/layout.ts";
import { isLoadable, readManifest } from "../images/manifest.ts";
import { processStat } from "../processes/proc.ts";
import { run } from "../processes/run.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import { readRoot, rootDir } from "./root-files.ts";

const COPY_TIMEOUT_MS = 300_000;

/**
 * There, and what it is restored with is what it was made with. A root file system that was cleared away and is made anew has
 * the same key, and its files lie elsewhere in it: memory that knows the former one is of no use.
 */
export function isWhole(
  layout: HostLayout,
  dir: string,
  { rootKey }: Pick<HostTemplateSource, "rootKey">,
  runtime: Runtime,
): boolean {
  const manifest = readManifest(dir);
  if (manifest === undefined || !isLoadable(manifest, runtime)) return false;
  const root = rootKey === undefined ? undefined : readRoot(layout, rootKey);
  if (root === undefined) return true;
  const folder = `${rootDir(layout, root.key)}/`;
  const isReadFrom = manifest.needs?.some((path) => path.startsWith(folder)) === true;
  return !isReadFrom || root.createdAt <= manifest.createdAt;
}

/** Between file systems: holes stay holes. The manifest goes last, since it says that the image is whole. */
export async function copyImage(from: string, to: string): Promise<void> {
  const names = readdirSync(from).filter((name) => name !== "image.json");
  for (const name of [...names, "image.json"]) {
    await run("cp", ["--sparse=always", "--preserve=mode", "--", join(from, name), join(to, name)], {
      timeoutMs: COPY_TIMEOUT_MS,
    });
  }
}

export async function exportImage(from: string, to: string): Promise<void> {
  const temporary = `${to}.tmp-${process.pid}`;
  mkdirSync(temporary, { recursive: true, mode: 0o700 });
  try {
    await copyImage(from, temporary);
    crashPoint("host.bake.exporting");
    if (!existsSync(to)) renameSync(temporary, to);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Copies that a killed process has left beside `to`. Those of living ones are their own business: the cache is the host's. */
export function removeUnfinished(to: string): void {
  const folder = dirname(to);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const pid = /\.tmp-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || processStat(Number(pid)) !== undefined) continue;
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}
