import { sql } from "kysely";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { deleteSandbox } from "../sandboxes/service/remove.ts";
import { BUILD_METADATA } from "./builder.ts";
import { outdatedLayers, removeLayers } from "./layers.ts";

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
}
