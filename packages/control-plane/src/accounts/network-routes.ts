import type { Handlers } from "../calls/call.ts";
import type { Database } from "../persistence/database.ts";
import { readWorkspaceNetwork, updateWorkspaceNetwork } from "./networks.ts";

type Operations = "getWorkspaceNetwork" | "updateWorkspaceNetwork";

export function networkHandlers(parts: {
  db: Database;
  operatorPrivate: readonly string[];
}): Pick<Handlers, Operations> {
  const { db, operatorPrivate } = parts;
  return {
    getWorkspaceNetwork: async ({ params }) => ({ status: 200, body: await readWorkspaceNetwork(db, params.slug) }),
    updateWorkspaceNetwork: async ({ params, body }) => ({
      status: 200,
      body: await updateWorkspaceNetwork(db, params.slug, body, operatorPrivate),
    }),
  };
}
