import { parseTemplateReference, type TemplateRecipe } from "@pandastack/contracts";
import type { HostImage } from "@pandastack/contracts/host";
import { crashPoint, Refusal, toErrorResponse } from "@pandastack/platform";
import type { Principal } from "../calls/call.ts";
import { Loop } from "../calls/loop.ts";
import type { SandboxRow, TemplateBuildRow, TemplateRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { DEFAULT_DISK_MB, DEFAULT_MEMORY_MB, resolveAlias } from "../templates/catalogue.ts";
import { overLimit } from "../accounts/limits.ts";
import { readAlias } from "../templates/find.ts";
import { resolveTemplate, type ResolvedTemplate } from "../templates/resolve.ts";
import { EVERYONE, readTemplate, readTemplates } from "../templates/store.ts";
import { bakeJob, type BakeRequest } from "./bake-job.ts";
import type { BuildContext } from "./context.ts";
import { BuildImages, type RegistryCredentials } from "./images.ts";
import { hash, makePlan, type Plan } from "./plan.ts";
import { beginningOf, planStages } from "./stages.ts";
import { forgetRoot } from "./roots.ts";
import { runBuild, type BuildJob } from "./run-build.ts";
import { resolveAsImage } from "./parent-image.ts";
import { startOf } from "./start.ts";
import { hideIn, NO_SECRETS, type BuildSecrets } from "./secrets.ts";
import {
  BuildLog,
  buildsOf,
  changeBuild,
  countRunning,
  failOrphans,
  insertBuild,
  isMade,
  newBuildId,
  runningBuild,
  STOPPED,
} from "./store.ts";
import { sweep } from "./sweep.ts";

/** At a time, of this control plane: each has a machine and holds its context in memory. */
const BUILDS_AT_ONCE = 2;
const SWEEP_MS = 5_000;
/** Compilers and package managers need more than most sandboxes; a machine takes no more than it uses. */
const BUILDER_MEMORY_MB = 2_048;
/** Builders of everyone's templates: no token is of it, so nobody can put anything into them. */
const CATALOGUE_WORKSPACE = "pandastack-catalogue";

export interface BuildRequest {
  readonly name: string;
  readonly recipe: TemplateRecipe;
  readonly context: BuildContext;
  readonly isGlobal: boolean;
  readonly replace: boolean;
  /** That it begins with and that its caller has sent; else by the recipe's words. */
  readonly upload?: { readonly name: string; readonly image: HostImage } | undefined;
  /** The recipe's `from` is an image, whatever templates there are. */
  readonly isImage?: boolean;
  /** For the registries of its images: of this one build, and kept nowhere. */
  readonly credentials?: RegistryCredentials;
  readonly secrets?: BuildSecrets;
}

/** Builds of templates: begun by calls, run in the background, one after the other where there are many. */
export class TemplateBuilds {
  readonly #parts: SandboxParts;
  readonly #waiting: BuildJob[] = [];
  readonly #running = new Map<string, Promise<void>>();
  /** All that is in hand, from before it is written down until nothing more is done about it. */
  readonly #own = new Set<string>();
  readonly #stop = new AbortController();
  readonly #loop: Loop;

  constructor(parts: SandboxParts) {
    this.#parts = parts;
    this.#loop = new Loop(() => this.#sweep(), {
      pauseMs: SWEEP_MS,
      onError: (error) => parts.log.debug({ err: error }, "builds: something is away; next pass"),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** What runs is cut off: its builder goes with it, and its steps are found again. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop.stop();
    await Promise.all([...this.#running.values(), ...this.#waiting.map(({ images }) => images?.release())]);
  }

  /** An earlier build of the same, or a new one. */
  async begin(principal: Principal, request: BuildRequest): Promise<{ build: TemplateBuildRow; isNew: boolean }> {
    const images = new BuildImages(this.#parts.host, {
      from: request.recipe.from,
      defaultRegistry: this.#parts.settings.defaultRegistry,
      credentials: request.credentials,
    });
    let isTaken = false;
    try {
      const { build, isNew, isQueued } = await this.#begin(principal, request, images);
      isTaken = isQueued;
      return { build, isNew };
    } finally {
      if (!isTaken) await images.release();
    }
  }

  async #begin(
    principal: Principal,
    request: BuildRequest,
    images: BuildImages,
  ): Promise<{ build: TemplateBuildRow; isNew: boolean; isQueued: boolean }> {
    const { db } = this.#parts;
    const workspace = request.isGlobal ? EVERYONE : principal.workspace;
    const { plan, ...rest } = await this.#plan(principal, request, images);
    const recipeKey = recipeKeyOf(request.recipe, plan);
    const existing = await readTemplate(db, workspace, request.name);
    const same = existing?.workspace === workspace ? await this.#earlier(existing, recipeKey, request) : undefined;
    if (same !== undefined) return { build: same, isNew: false, isQueued: false };
    return { ...(await this.#queue(principal, request, { recipeKey, plan, ...rest })), isNew: true };
  }

  /** A running sandbox becomes a template: its files as they are, and the program of its template, or another. */
  async bake(principal: Principal, sandbox: SandboxRow, request: BakeRequest): Promise<TemplateBuildRow> {
    const { db } = this.#parts;
    const existing = await readTemplate(db, principal.workspace, request.name);
    if (existing?.workspace === principal.workspace && !request.replace) throw exists(request.name);
    const job = await bakeJob(this.#parts, principal, sandbox, request);
    const given = { recipeKey: job.plan.rootKey, ...job };
    return (await this.#queue(principal, { ...request, isGlobal: false }, given)).build;
  }

  /** Not queued: the same is under way already. */
  async #queue(
    principal: Principal,
    request: Pick<BuildRequest, "name" | "isGlobal"> & { readonly recipe: TemplateRecipe },
    given: Omit<BuildJob, "row" | "recipe"> & { recipeKey: string },
  ): Promise<{ build: TemplateBuildRow; isQueued: boolean }> {
    const { db } = this.#parts;
    const { recipeKey, ...job } = given;
    const isCatalogues = !request.isGlobal && (await this.#isEveryones(request.name));
    if (isCatalogues)
      throw new Refusal(
        "template.forbidden",
        `name: ${JSON.stringify(request.name)} is a template of the catalogue; use another name`,
        {
          details: { field: "name" },
        },
      );
    await this.#requireRoom(principal, request.name);
    const of = { workspace: principal.workspace, isGlobal: request.isGlobal, name: request.name };
    const id = newBuildId();
    this.#own.add(id);
    const build = await insertBuild(db, {
      id,
      name: request.name,
      workspace: principal.workspace,
      is_global: request.isGlobal,
      recipe_key: recipeKey,
      steps: job.plan.steps,
      cpu: request.recipe.cpu ?? null,
      memory_mb: job.memoryMb,
      size_mb: job.diskMb,
      owner: this.#parts.presence.id,
    }).catch((error: unknown) => {
      // It may be there all the same: then it is the sweep's.
      this.#own.delete(id);
      throw error;
    });
    if (build === undefined) {
      this.#own.delete(id);
      const running = await runningBuild(db, of);
      if (running?.recipe_key === recipeKey) return { build: running, isQueued: false };
      throw new Refusal("template.exists", `name: another build of ${JSON.stringify(request.name)} is under way`);
    }
    crashPoint("control.build.written");
    this.#waiting.push({ row: build, recipe: request.recipe, ...job });
    this.#next();
    return { build, isQueued: true };
  }

  async #plan(
    principal: Principal,
    { recipe, context, isGlobal, upload, isImage, secrets = NO_SECRETS }: BuildRequest,
    images: BuildImages,
  ): Promise<Omit<BuildJob, "row" | "recipe">> {
    const { db, watch } = this.#parts;
    const builderWorkspace = isGlobal ? CATALOGUE_WORKSPACE : principal.workspace;
    const scope = isGlobal ? EVERYONE : principal.workspace;
    const resolve = async (name: string, needsShell = false): Promise<ResolvedTemplate> => {
      try {
        return await resolveTemplate(db, watch, scope, name);
      } catch (error) {
        if (!(error instanceof Refusal) || error.code !== "template.not_found") throw error;
        return resolveAsImage(images, name, needsShell, error);
      }
    };
    const parent =
      upload !== undefined
        ? images.uploaded(upload.name, upload.image)
        : isImage === true
          ? await images.resolve(images.named(recipe.from) ?? recipe.from, true)
          : await resolve(recipe.from, true);
    const diskMb = recipe.disk_mb ?? Math.max(parent.row?.disk_mb ?? 0, DEFAULT_DISK_MB);
    const memoryMb = recipe.memory_mb ?? Math.max(parent.memoryMb, DEFAULT_MEMORY_MB);
    const stages = await planStages(recipe, context, { scope, diskMb, resolve });
    const stepsBefore = (recipe.stages ?? []).reduce((sum, { steps }) => sum + steps.length, 0);
    const begins = beginningOf(parent);
    const plan = makePlan(recipe, context, { ...begins, scope, diskMb, stepsBefore, label: "", stages });
    if (isGlobal) await this.#requireCatalogueWorkspace();
    return {
      plan,
      parent,
      builderWorkspace,
      policies: isGlobal ? { network: { default: null, ceiling: null }, isolation: "any" } : principal,
      memoryMb,
      diskMb,
      builderMemoryMb: Math.max(recipe.build_memory_mb ?? BUILDER_MEMORY_MB, memoryMb),
      start: startOf(recipe, plan, parent),
      images,
      secrets,
    };
  }

  async #earlier(
    existing: TemplateRow,
    recipeKey: string,
    request: BuildRequest,
  ): Promise<TemplateBuildRow | undefined> {
    if (existing.recipe_key === recipeKey)
      return this.#parts.db
        .selectFrom("template_builds")
        .selectAll()
        .where("id", "=", existing.build_id)
        .executeTakeFirst();
    // The catalogue's recipe is another one since an upgrade: it is built anew.
    if (request.isGlobal || request.replace) return undefined;
    throw exists(request.name);
  }

  async #isEveryones(target: string): Promise<boolean> {
    const { catalogue } = await import("../templates/catalogue-files.ts");
    const { name } = parseTemplateReference(target)!;
    return resolveAlias(name) !== name || catalogue.some((entry) => entry.name === name);
  }

  async #requireRoom({ workspace, limits }: Principal, target: string): Promise<void> {
    const { db } = this.#parts;
    const running = await countRunning(db, workspace);
    if (running >= limits.template_builds)
      throw overLimit(workspace, "template_builds", limits.template_builds, running);
    const { name } = parseTemplateReference(target)!;
    const meant = await readAlias(db, workspace, name);
    if (meant !== undefined)
      throw new Refusal(
        "template.exists",
        `name: ${JSON.stringify(name)} is another name of ${JSON.stringify(meant)}; build that, or take the name away`,
        { details: { field: "name" } },
      );
    const own = (await readTemplates(db, workspace)).filter((row) => row.workspace === workspace);
    if (own.length >= limits.templates && !own.some((row) => row.name === name))
      throw overLimit(workspace, "templates", limits.templates, own.length);
  }

  async #requireCatalogueWorkspace(): Promise<void> {
    await this.#parts.db
      .insertInto("workspaces")
      .values({ slug: CATALOGUE_WORKSPACE, name: "Builds of the catalogue" })
      .onConflict((conflict) => conflict.column("slug").doNothing())
      .execute();
  }

  #next(): void {
    while (this.#running.size < BUILDS_AT_ONCE && !this.#stop.signal.aborted) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      const work = this.#run(job).finally(() => {
        this.#running.delete(job.row.id);
        this.#own.delete(job.row.id);
        this.#next();
      });
      this.#running.set(job.row.id, work);
    }
  }

  async #run(job: BuildJob): Promise<void> {
    const { db, log: logger } = this.#parts;
    const { id } = job.row;
    const log = new BuildLog(db, id, hideIn(job.secrets ?? NO_SECRETS));
    try {
      await changeBuild(db, id, { status: "building" });
      await runBuild(this.#parts, job, log, this.#stop.signal);
      log.line("done");
      await log.flush();
      await changeBuild(db, id, { status: "done", ended_at: new Date(), owner: null });
    } catch (error) {
      if (await isMade(db, id).catch(() => true)) {
        logger.warn({ err: error, buildId: id }, "a build's end is left to the sweep");
        return;
      }
      const isStopped = this.#stop.signal.aborted;
      const why = isStopped ? STOPPED : hideIn(job.secrets ?? NO_SECRETS)(toErrorResponse(error).body.error);
      logger.info({ err: error, buildId: id }, "a template's build failed");
      log.line(`failed: ${why}`);
      await log
        .flush()
        .then(() => changeBuild(db, id, { status: "failed", error: why, ended_at: new Date(), owner: null }))
        .catch((lost: unknown) => logger.warn({ err: lost, buildId: id }, "a build's end is left to the sweep"));
    } finally {
      await job.images?.release();
    }
  }

  async #sweep(): Promise<void> {
    const { db, presence } = this.#parts;
    // Asked for first: what is begun after that is in hand before it is in the database.
    const lost = (await buildsOf(db, presence.id)).filter((id) => !this.#own.has(id));
    // A baked sandbox's key is its root's, which nobody else will ever ask for.
    for (const key of await failOrphans(db, presence, lost)) await forgetRoot(this.#parts, key);
    await sweep(this.#parts);
  }
}

const exists = (name: string): Refusal =>
  new Refusal(
    "template.exists",
    `name: there is a template ${JSON.stringify(name)} of another recipe; say \`replace\` to put this one in its place`,
    { details: { field: "replace" } },
  );

/** Whatever the template is made of and what it is then: the same key, the same template. */
const recipeKeyOf = (recipe: TemplateRecipe, plan: Plan): string =>
  hash(
    { ...recipe, name: undefined, steps: undefined, stages: undefined },
    plan.rootKey,
    plan.env,
    plan.user,
    plan.cwd,
  );
