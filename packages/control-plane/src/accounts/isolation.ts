import type { IsolationPolicy } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Handlers } from "../calls/call.ts";
import type { Database } from "../persistence/database.ts";

const unknownWorkspace = () => new Refusal("workspace.not_found", "no such workspace");

async function readIsolation(db: Database, workspace: string): Promise<IsolationPolicy> {
  const row = await db.selectFrom("workspaces").select("isolation").where("slug", "=", workspace).executeTakeFirst();
  if (row === undefined) throw unknownWorkspace();
  return row.isolation;
}

type Operations = "getWorkspaceIsolation" | "updateWorkspaceIsolation";

export function isolationHandlers(db: Database): Pick<Handlers, Operations> {
  return {
    getWorkspaceIsolation: async ({ params }) => ({
      status: 200,
      body: { isolation: await readIsolation(db, params.slug) },
    }),
    updateWorkspaceIsolation: async ({ params, body }) => {
      const { numUpdatedRows } = await db
        .updateTable("workspaces")
        .set({ isolation: body.isolation })
        .where("slug", "=", params.slug)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw unknownWorkspace();
      return { status: 200, body };
    },
  };
}
