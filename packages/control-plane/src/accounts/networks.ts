import { limitEgress, normaliseEgress, type Egress } from "@pandastack/contracts/host";
import type { Network, WorkspaceNetwork } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";

export async function readWorkspaceNetwork(db: Database, workspace: string): Promise<WorkspaceNetwork> {
  const row = await db.selectFrom("workspaces").select("network").where("slug", "=", workspace).executeTakeFirst();
  if (row === undefined) throw new Refusal("workspace.not_found", "no such workspace");
  return workspaceNetwork(row.network);
}

export const workspaceNetwork = (stored: Partial<WorkspaceNetwork>): WorkspaceNetwork => ({
  default: stored.default ?? null,
  ceiling: stored.ceiling ?? null,
});

/** null takes one away, what is missing stays. Counts for what is set from now on; sandboxes keep what they have. */
export async function updateWorkspaceNetwork(
  db: Database,
  workspace: string,
  change: { default?: Network | null | undefined; ceiling?: Network | null | undefined },
  operatorPrivate: readonly string[],
): Promise<WorkspaceNetwork> {
  return db.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom("workspaces")
      .select("network")
      .where("slug", "=", workspace)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) throw new Refusal("workspace.not_found", "no such workspace");
    const ceiling = change.ceiling === undefined ? (row.network.ceiling ?? null) : change.ceiling;
    const chosen = change.default === undefined ? (row.network.default ?? null) : change.default;
    const network: WorkspaceNetwork = {
      ceiling: ceiling && { egress: within(ceiling.egress, null, operatorPrivate, "ceiling.egress") },
      default: null,
    };
    const limited = { ...network, default: chosen && { egress: normaliseEgress(chosen.egress) } };
    if (chosen) within(chosen.egress, network.ceiling, operatorPrivate, "default.egress");
    await transaction
      .updateTable("workspaces")
      .set({ network: JSON.stringify(limited) })
      .where("slug", "=", workspace)
      .execute();
    return limited;
  });
}

/** The policy that comes of what was asked for below a ceiling and what the operator lets be opened; refuses what is beyond. */
export function within(
  egress: Egress,
  ceiling: Network | null,
  operatorPrivate: readonly string[],
  field: string,
): Egress {
  let result = normaliseEgress(egress);
  const limits: Egress[] = [{ allowPrivate: [...operatorPrivate] }];
  if (ceiling !== null) limits.push(ceiling.egress);
  for (const limit of limits) {
    const limited = limitEgress(result, limit);
    if ("message" in limited) {
      const path = limited.field === "" ? field : `${field}.${limited.field}`;
      throw new Refusal("network.above_ceiling", `${path}: ${limited.message}`, { details: { field: path } });
    }
    result = limited.egress;
  }
  return result;
}
