import type { WorkspaceLimits } from "@pandastack/contracts";
import type { Handlers } from "../calls/call.ts";
import type { Database } from "../persistence/database.ts";
import { readLimits, readUsage, updateLimits } from "./limits.ts";
import type { Tally } from "./tally.ts";

type Operations = "getOwnLimits" | "getWorkspaceLimits" | "updateWorkspaceLimits";

export function limitHandlers(parts: {
  db: Database;
  defaults: WorkspaceLimits;
  streams: Tally;
  processes: Tally;
}): Pick<Handlers, Operations> {
  const { db, defaults, streams, processes } = parts;
  const show = async (workspace: string) => {
    const [limits, usage] = await Promise.all([readLimits(db, workspace, defaults), readUsage(db, workspace)]);
    const here = { streams: streams.count(workspace), processes: processes.count(workspace) };
    return { status: 200 as const, body: { workspace, limits, defaults, usage: { ...usage, ...here } } };
  };
  return {
    getOwnLimits: ({ principal }) => show(principal.workspace),
    getWorkspaceLimits: ({ params }) => show(params.slug),
    updateWorkspaceLimits: async ({ params, body }) => {
      await updateLimits(db, params.slug, body);
      return show(params.slug);
    },
  };
}
