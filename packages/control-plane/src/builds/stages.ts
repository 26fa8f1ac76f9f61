import type { TemplateRecipe } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { ResolvedTemplate } from "../templates/resolve.ts";
import type { BuildContext } from "./context.ts";
import { makePlan, type PlanParent, type Stage } from "./plan.ts";

/** What files are copied from: the recipe's stages, and templates, by the names that its steps say. */
export async function planStages(
  recipe: Pick<TemplateRecipe, "stages" | "steps">,
  context: BuildContext,
  given: { scope: string; diskMb: number; resolve: (name: string) => Promise<ResolvedTemplate> },
): Promise<Map<string, Stage>> {
  const { scope, diskMb, resolve } = given;
  const stages = new Map<string, Stage>();
  const plan = (
    parent: ResolvedTemplate,
    steps: TemplateRecipe["steps"],
    stepsBefore: number,
    label: string,
  ): Stage => {
    const begins = beginningOf(parent);
    return { parent, plan: makePlan({ steps }, context, { ...begins, scope, diskMb, stepsBefore, label, stages }) };
  };
  const addSources = async (steps: TemplateRecipe["steps"]): Promise<void> => {
    for (const step of steps) {
      const source = "copy" in step ? step.copy.source : undefined;
      if (source !== undefined && !stages.has(source))
        stages.set(source, plan(await resolve(source), [], 0, `[${source}] `));
    }
  };
  let stepsBefore = 0;
  for (const { name, from, steps } of recipe.stages ?? []) {
    if (stages.has(name))
      throw new Refusal(
        "validation.failed",
        `stages: ${JSON.stringify(name)} is there twice, or is used before it is built`,
      );
    await addSources(steps);
    stages.set(name, plan(await resolve(from), steps, stepsBefore, `[${name}] `));
    stepsBefore += steps.length;
  }
  await addSources(recipe.steps);
  return stages;
}

/** Where the first step of what is built on it finds itself. */
export function beginningOf({
  rootKey,
  env,
  image,
}: ResolvedTemplate): Pick<PlanParent, "rootKey" | "env" | "user" | "cwd"> {
  return { rootKey, env, user: image?.settings.user ?? null, cwd: image?.settings.workdir ?? null };
}
