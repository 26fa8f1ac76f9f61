import type { PromoteReply } from "@pandastack/contracts";
import { Refusal, crashPoint } from "@pandastack/platform";
import { tellOwnEvent } from "../../events/store.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { listTree } from "../store.ts";
import { deleteSandbox } from "./remove.ts";

/** Deleting is a few milliseconds of a host each; more at once only queue there. */
const DELETES_AT_ONCE = 4;

/** Keeps the winner of a tree, and deletes its siblings if asked to. The tree is known from the winner itself. */
export async function promote(
  parts: SandboxParts,
  winner: SandboxRow,
  request: { cleanup_siblings?: boolean | null | undefined; tree_id?: string | null | undefined },
): Promise<PromoteReply> {
  const own = winner.metadata["fork_tree_id"];
  const treeId = request.tree_id ?? own ?? null;
  if (request.tree_id !== undefined && request.tree_id !== null && request.tree_id !== own) {
    throw new Refusal("validation.failed", "tree_id: the sandbox is not a child of this tree", {
      details: { field: "tree_id" },
    });
  }
  if (request.cleanup_siblings !== true) return { winner: winner.id, tree_id: treeId, deleted: [], failures: {} };
  if (treeId === null) {
    throw new Refusal(
      "validation.failed",
      "tree_id: the sandbox is no child of a fork tree, so it has no siblings to clean up",
      { details: { field: "tree_id" } },
    );
  }
  const siblings = (await listTree(parts.db, winner.workspace, treeId)).filter((row) => row.id !== winner.id);
  const deleted: string[] = [];
  const failures: Record<string, string> = {};
  const waiting = siblings.map((row) => row.id);
  const worker = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        await deleteSandbox(parts, winner.workspace, id);
        deleted.push(id);
        crashPoint("control.promote.deleted-one");
      } catch (error) {
        failures[id] = error instanceof Error ? error.message : String(error);
      }
    }
  };
  await Promise.all(Array.from({ length: DELETES_AT_ONCE }, worker));
  crashPoint("control.promote.deleted");
  await tellOwnEvent(parts, winner.id, "fork_tree.promoted", { tree_id: treeId, deleted });
  return { winner: winner.id, tree_id: treeId, deleted, failures };
}
