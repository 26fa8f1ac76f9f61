import { sql } from "kysely";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { deleteSandbox } from "../sandboxes/service/remove.ts";
import { BUILD_METADATA } from "./builder.ts";
import { outdatedLayers, removeLayers } from "./layers.ts";
import { forgetRoot } from "./roots.ts";
import { anyRunning } from "./store.ts";
import { removeUntagged } from "../templates/remove.ts";
import { isRootUsed } from "../templates/store.ts";

/** Of no meaning for one that is there. */
const LEAST_DISK_MB = 512;

/** What builds leave that nobody will ask for any more: builders of builds that have ended, results that are old. */
export async function sweep(parts: SandboxParts): Promise<void> {
  const { rows } = await sql<{ id: string; workspace: string }>`
    select id, workspace from sandboxes
    where wanted <> 'deleted' and metadata ? ${BUILD_METADATA} and not exists (
      select from template_builds
      where template_builds.id = sandboxes.metadata ->> ${BUILD_METADATA} and status in ('queued', 'building'))`.execute(
    parts.db,
  );
  for (const { id, workspace } of rows) await deleteSandbox(parts, workspace, id);
  await removeLayers(parts, await outdatedLayers(parts.db));
  for (const rootKey of await removeUntagged(parts.db)) await forgetRoot(parts, rootKey);
  await releaseRoots(parts);
}

/** What a killed build has taken out of its builder, and nobody has made a template of. */
async function releaseRoots(parts: SandboxParts): Promise<void> {
  const { db, host } = parts;
  const kept = await host.roots();
  const { rows } = await sql<{ key: string }>`
    select key from unnest(${kept}::text[]) as key
    where not exists (select from template_versions where root_key = key)
      and not exists (select from template_builds where status in ('queued', 'building'))`.execute(db);
  for (const { key } of rows) {
    await host.releaseRoot(key);
    // A build that has begun meanwhile may have found it there: it is said again that it is used.
    const isBusy = (await anyRunning(db)) || (await isRootUsed(db, key));
    if (isBusy) await host.exportRoot({ key, sandboxId: "", diskMb: LEAST_DISK_MB }).catch(() => {});
  }
}
