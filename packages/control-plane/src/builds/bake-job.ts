import { randomBytes } from "node:crypto";
import type { BakeImageRequest, TemplateRecipe } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Principal } from "../calls/call.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { DEFAULT_DISK_MB } from "../templates/catalogue.ts";
import { resolveTemplate, type ResolvedTemplate } from "../templates/resolve.ts";
import type { BuildJob } from "./run-build.ts";
import { startOf } from "./start.ts";

const ROOT_KEY_BYTES = 16;

export interface BakeRequest {
  readonly name: string;
  readonly recipe: TemplateRecipe;
  readonly replace: boolean;
}

/** As a build's request: what a sandbox's template is to be beside its files. */
export function bakeRequest(body: BakeImageRequest, sandbox: SandboxRow): BakeRequest {
  const { image_name: name, replace, label, description, start, ready, ready_timeout_seconds } = body;
  if (body.start_unit !== undefined && body.start_unit !== null)
    throw new Refusal(
      "validation.failed",
      "start_unit: there is no systemd in sandboxes; say the command itself as `start`",
      { details: { field: "start_unit" } },
    );
  if (body.workspace !== undefined && body.workspace !== null && body.workspace !== sandbox.workspace)
    throw new Refusal("template.forbidden", "workspace: a sandbox becomes a template of its own workspace", {
      details: { field: "workspace" },
    });
  const about = { label, description, start, ready, ready_timeout_seconds, memory_mb: sandbox.memory_mb };
  return { name, replace: replace ?? false, recipe: { from: sandbox.template, steps: [], ...about } };
}

/** Every one is a state of its own: there is no earlier one that it could be. */
export async function bakeJob(
  parts: SandboxParts,
  principal: Principal,
  sandbox: SandboxRow,
  { recipe }: BakeRequest,
): Promise<Omit<BuildJob, "row" | "recipe">> {
  const parent = await parentOf(parts, sandbox);
  const begun = parent.row?.start;
  const env = parent.env;
  const [user, cwd] = [begun?.user ?? "root", begun?.cwd ?? "/root"];
  const diskMb = Math.max(sandbox.disk_mb, parent.diskMb, DEFAULT_DISK_MB);
  const key = randomBytes(ROOT_KEY_BYTES).toString("hex");
  const plan = { actions: [], steps: 0, key, rootKey: key, user, cwd, env };
  return {
    plan,
    parent,
    policies: principal,
    builderWorkspace: sandbox.workspace,
    memoryMb: sandbox.memory_mb,
    diskMb,
    builderMemoryMb: sandbox.memory_mb,
    start: startOf(recipe, plan, parent),
    sandboxId: sandbox.id,
  };
}

/** Its template may have been deleted since: then nothing is known of it but its name. */
async function parentOf(parts: SandboxParts, sandbox: SandboxRow): Promise<ResolvedTemplate> {
  try {
    return await resolveTemplate(parts.db, parts.watch, sandbox.workspace, sandbox.template);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { template: name, cpu, memory_mb: memoryMb, disk_mb: diskMb } = sandbox;
    return { name, source: { template: name }, rootKey: name, cpu, memoryMb, diskMb, env: {}, row: undefined };
  }
}
