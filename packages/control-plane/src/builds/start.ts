import { READY_TIMEOUT_DEFAULT_SECONDS, type TemplateRecipe } from "@pandastack/contracts";
import type { TemplateStart } from "@pandastack/contracts/host";
import type { ResolvedTemplate } from "../templates/resolve.ts";
import { commandOf } from "./dockerfile-steps.ts";
import type { Plan } from "./plan.ts";

/** What runs when a template's memory is taken: the recipe's own, or else what its parent starts. */
export function startOf(
  recipe: Pick<TemplateRecipe, "start" | "cmd" | "ready" | "ready_timeout_seconds">,
  plan: Pick<Plan, "user" | "cwd" | "env">,
  { row, image }: Pick<ResolvedTemplate, "row" | "image">,
): TemplateStart | null {
  const entrypoint = image?.settings.entrypoint ?? [];
  // As in Docker: a command alone is what the image's entry point gets, in place of the image's own.
  const words = [...entrypoint, ...(recipe.cmd ?? image?.settings.cmd ?? [])];
  const isImages = recipe.start === undefined || (recipe.cmd !== undefined && entrypoint.length > 0);
  const ofImage = isImages && words.length > 0 ? commandOf(JSON.stringify(words)).text : undefined;
  const start = ofImage ?? recipe.start ?? row?.start?.start;
  const ready = recipe.ready ?? (recipe.start === undefined ? row?.start?.ready : undefined);
  if (start === undefined && ready === undefined) return null;
  return {
    ...(start === undefined ? {} : { start }),
    ...(ready === undefined ? {} : { ready }),
    readyTimeoutMs: (recipe.ready_timeout_seconds ?? READY_TIMEOUT_DEFAULT_SECONDS) * 1000,
    user: plan.user,
    cwd: plan.cwd,
    env: { ...plan.env },
  };
}
