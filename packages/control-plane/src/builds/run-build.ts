import { setTimeout as delay } from "node:timers/promises";
import { parseTemplateReference, type TemplateRecipe } from "@pandastack/contracts";
import type { HostRoot, PreparedTemplate, TemplateStart } from "@pandastack/contracts/host";
import { crashPoint, Refusal } from "@pandastack/platform";
import type { TemplateBuildRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import type { ResolvedTemplate } from "../templates/resolve.ts";
import { EVERYONE, putTemplate, readTemplate } from "../templates/store.ts";
import type { BuilderOptions } from "./builder.ts";
import { importImage, type BuildImages } from "./images.ts";
import { layersOf, removeLayers } from "./layers.ts";
import type { Plan } from "./plan.ts";
import { forgetRoot } from "./roots.ts";
import type { BuildSecrets } from "./secrets.ts";
import { StageBuilders } from "./stage-builders.ts";
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
  /** That it begins with, or copies from. */
  readonly images?: BuildImages;
  /** Its files are those of this sandbox; nothing is built. */
  readonly sandboxId?: string;
  readonly secrets?: BuildSecrets;
}

/** From a recipe to a template that sandboxes can be made of. Everything that it leaves is found again by its key. */
export async function runBuild(parts: SandboxParts, job: BuildJob, log: BuildLog, signal: AbortSignal): Promise<void> {
  try {
    await makeTemplate(parts, job, log, signal);
  } catch (error) {
    // What steps come to is found again by the next build of them; what was taken out of a sandbox, or sent, is not.
    const isFoundAgain = job.sandboxId === undefined && job.parent.image === undefined;
    if (!isFoundAgain) await forgetRoot(parts, job.plan.rootKey).catch(() => {});
    throw error;
  }
}

async function makeTemplate(parts: SandboxParts, job: BuildJob, log: BuildLog, signal: AbortSignal): Promise<void> {
  const { plan, row } = job;
  const there = await parts.host.root(plan.rootKey);
  if (there.state === "ready") {
    log.line("every step was done before");
    await changeBuild(parts.db, row.id, { cached_steps: plan.steps, step: plan.steps });
  } else if (job.sandboxId !== undefined) {
    log.line("taking the files out of the sandbox");
    await exported(parts, job, job.sandboxId, signal);
  } else if (plan.actions.length === 0 && job.parent.image !== undefined) {
    log.line(`reading ${job.parent.name}`);
    await importImage(parts.host, { ...job.parent, diskMb: job.diskMb }, plan.rootKey, signal);
  } else await buildRoot(parts, job, log, signal);
  const bytes = (await claimRoot(parts, job)).bytes;
  const prepared = await bake(parts, job, log, signal);
  crashPoint("control.build.baked");
  await publish(parts, job, { bytes, diskMb: prepared.diskMb });
  crashPoint("control.build.published");
  // What everyone's templates are made of is large, and built once.
  if (row.is_global) await removeLayers(parts, await layersOf(parts.db, job.builderWorkspace));
}

async function buildRoot(parts: SandboxParts, job: BuildJob, log: BuildLog, signal: AbortSignal): Promise<void> {
  const builders = new StageBuilders(parts, job, log, signal);
  try {
    const builder = await builders.open({ plan: job.plan, parent: job.parent });
    await builder.finish();
    log.line("taking the files out of the builder");
    await exported(parts, job, builder.row.id, signal);
    crashPoint("control.build.exported");
  } finally {
    await builders.close();
  }
  crashPoint("control.build.closed");
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
    // What all its tags and versions are to a host.
    template: parseTemplateReference(job.row.name)!.name,
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
      ports: portsOf(job.parent),
    },
  });
  await changeBuild(parts.db, row.id, { bytes: made.bytes });
  if (before !== undefined && before.workspace === workspace && before.root_key !== plan.rootKey)
    await forgetRoot(parts, before.root_key);
}

/** What is built on top of a template listens where that does. */
function portsOf({ row, image }: ResolvedTemplate): string[] | undefined {
  const ports = image?.settings.ports ?? row?.about.ports;
  return ports === undefined || ports.length === 0 ? undefined : ports;
}
