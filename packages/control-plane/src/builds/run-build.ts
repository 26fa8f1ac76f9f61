import { setTimeout as delay } from "node:timers/promises";
import type { TemplateRecipe } from "@pandastack/contracts";
import type { HostRoot, PreparedTemplate, TemplateStart } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { TemplateBuildRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import type { ResolvedTemplate } from "../templates/resolve.ts";
import { EVERYONE, isRootUsed, putTemplate, readTemplate } from "../templates/store.ts";
import { Builder, type BuilderOptions } from "./builder.ts";
import { findLayer, layersOf, removeLayers } from "./layers.ts";
import type { Plan } from "./plan.ts";
import { changeBuild, type BuildLog } from "./store.ts";

const LOOK_MS = 500;
/** Taking the files out, writing them anew and booting them take minutes where machines are emulated. */
const EXPORT_TIMEOUT_MS = 1_800_000;
const BAKE_TIMEOUT_MS = 1_200_000;

export interface BuildJob {
  readonly row: TemplateBuildRow;
  readonly recipe: TemplateRecipe;
  readonly plan: Plan;
  readonly parent: ResolvedTemplate;
  readonly policies: BuilderOptions["policies"];
  /** In which its builder lives: of everyone's templates one that no caller can look into. */
  readonly builderWorkspace: string;
  readonly memoryMb: number;
  readonly diskMb: number;
  readonly builderMemoryMb: number;
  readonly start: TemplateStart | null;
}

/** From a recipe to a template that sandboxes can be made of. Everything that it leaves is found again by its key. */
export async function runBuild(parts: SandboxParts, job: BuildJob, log: BuildLog, signal: AbortSignal): Promise<void> {
  const { plan, row } = job;
  const there = await parts.host.root(plan.rootKey);
  if (there.state === "ready") {
    log.line("every step was done before");
    await changeBuild(parts.db, row.id, { cached_steps: plan.steps, step: plan.steps });
  } else await buildRoot(parts, job, log, signal);
  const bytes = (await claimRoot(parts, job)).bytes;
  const prepared = await bake(parts, job, log, signal);
  await publish(parts, job, { bytes, diskMb: prepared.diskMb });
  // What everyone's templates are made of is large, and built once.
  if (row.is_global) await removeLayers(parts, await layersOf(parts.db, job.builderWorkspace));
}

async function buildRoot(parts: SandboxParts, job: BuildJob, log: BuildLog, signal: AbortSignal): Promise<void> {
  const { plan, row } = job;
  const keys = plan.actions.map((action) => action.key);
  const layer = await findLayer(parts.db, job.builderWorkspace, keys);
  const done = layer === undefined ? 0 : keys.indexOf(layer.layer_key!) + 1;
  for (const action of plan.actions.slice(0, done))
    log.line(`step ${action.number}/${plan.steps}: ${action.text} (cached)`);
  const cached = plan.actions[done - 1]?.number ?? 0;
  await changeBuild(parts.db, row.id, { cached_steps: cached, step: cached });
  const builder = await Builder.open({
    parts,
    workspace: job.builderWorkspace,
    policies: job.policies,
    buildId: row.id,
    from: layer === undefined ? { template: job.parent.name } : { snapshotId: layer.id },
    memoryMb: job.builderMemoryMb,
    log,
    signal,
  });
  try {
    for (const action of plan.actions.slice(done)) {
      log.line(`step ${action.number}/${plan.steps}: ${action.text}`);
      await changeBuild(parts.db, row.id, { step: action.number });
      await asStep(action, plan, () => builder.perform(action));
      await builder.keep(action.key).catch((error: unknown) => {
        // The pool is full, or the workspace has too many: the next build does this step again.
        if (!(error instanceof Refusal)) throw error;
        log.line(`its result is not kept: ${error.message}`);
      });
    }
    log.line("taking the files out of the builder");
    await exported(parts, job, builder.row.id, signal);
  } finally {
    await builder
      .close()
      .catch((error: unknown) => parts.log.debug({ err: error, buildId: row.id }, "a builder is left to the sweep"));
  }
}

/** Says which step it was. */
async function asStep(action: { number: number; text: string }, plan: Plan, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.code, `step ${action.number}/${plan.steps} (${action.text}): ${error.message}`);
  }
}

/** Asking for it again says how far it is, and that this server uses it. */
const claimRoot = (parts: SandboxParts, { plan, diskMb }: BuildJob, sandboxId = ""): Promise<HostRoot> =>
  parts.host.exportRoot({ key: plan.rootKey, sandboxId, diskMb });

async function exported(parts: SandboxParts, job: BuildJob, sandboxId: string, signal: AbortSignal): Promise<void> {
  const end = performance.now() + EXPORT_TIMEOUT_MS;
  let root = await claimRoot(parts, job, sandboxId);
  while (root.state === "exporting" && performance.now() < end) {
    await delay(LOOK_MS, undefined, { signal });
    root = await parts.host.root(job.plan.rootKey);
  }
  if (root.state !== "ready")
    throw new Refusal("template.not_ready", `its files could not be taken out: ${root.error ?? root.state}`);
}

async function bake(parts: SandboxParts, job: BuildJob, log: BuildLog, signal: AbortSignal): Promise<PreparedTemplate> {
  log.line(job.start === null ? "making its memory" : "starting its program and making its memory");
  const source = {
    template: job.row.name,
    rootKey: job.plan.rootKey,
    ...(job.recipe.cpu === undefined ? {} : { cpus: job.recipe.cpu }),
    memoryMb: job.memoryMb,
    ...(job.start === null ? {} : { start: job.start }),
  };
  const end = performance.now() + BAKE_TIMEOUT_MS;
  for (;;) {
    const prepared = await parts.host.prepareTemplate({ source, runtime: parts.settings.defaultRuntime });
    if (prepared.state === "ready") return prepared;
    if (prepared.state === "failed" || performance.now() > end || signal.aborted) {
      await forgetRoot(parts, job.plan.rootKey);
      throw new Refusal("template.not_ready", prepared.error ?? "its memory could not be made in time");
    }
  }
}

async function publish(parts: SandboxParts, job: BuildJob, made: { bytes: number; diskMb: number }): Promise<void> {
  const { row, recipe, plan } = job;
  const workspace = row.is_global ? EVERYONE : row.workspace;
  const before = await readTemplate(parts.db, workspace, row.name);
  await putTemplate(parts.db, {
    name: row.name,
    workspace,
    buildId: row.id,
    recipeKey: row.recipe_key,
    rootKey: plan.rootKey,
    base: job.parent.name,
    cpu: recipe.cpu ?? null,
    memoryMb: job.memoryMb,
    diskMb: made.diskMb,
    bytes: made.bytes,
    env: { ...plan.env },
    start: job.start,
    about: {
      label: recipe.label,
      description: recipe.description,
      category: recipe.category,
      tools: recipe.tools,
    },
  });
  await changeBuild(parts.db, row.id, { bytes: made.bytes });
  if (before !== undefined && before.workspace === workspace && before.root_key !== plan.rootKey)
    await forgetRoot(parts, before.root_key);
}

/** Unless another template stands on it. */
export async function forgetRoot(parts: Pick<SandboxParts, "db" | "host">, rootKey: string): Promise<void> {
  if (!(await isRootUsed(parts.db, rootKey))) await parts.host.releaseRoot(rootKey);
}
