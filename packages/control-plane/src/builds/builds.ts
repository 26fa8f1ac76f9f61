import {
  BUILDS_PER_WORKSPACE,
  READY_TIMEOUT_DEFAULT_SECONDS,
  TEMPLATES_PER_WORKSPACE,
  type TemplateRecipe,
} from "@pandastack/contracts";
import { Refusal, toErrorResponse } from "@pandastack/platform";
import type { Principal } from "../calls/call.ts";
import { Loop } from "../calls/loop.ts";
import type { TemplateBuildRow, TemplateRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { DEFAULT_DISK_MB, DEFAULT_MEMORY_MB, resolveAlias } from "../templates/catalogue.ts";
import { resolveTemplate } from "../templates/resolve.ts";
import { EVERYONE, readTemplate, readTemplates } from "../templates/store.ts";
import type { BuildContext } from "./context.ts";
import { hash, makePlan, type Plan } from "./plan.ts";
import { runBuild, type BuildJob } from "./run-build.ts";
import {
  BuildLog,
  changeBuild,
  countRunning,
  failOrphans,
  insertBuild,
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
}

/** Builds of templates: begun by calls, run in the background, one after the other where there are many. */
export class TemplateBuilds {
  readonly #parts: SandboxParts;
  readonly #waiting: BuildJob[] = [];
  readonly #running = new Map<string, Promise<void>>();
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
    await Promise.all(this.#running.values());
  }

  /** An earlier build of the same, or a new one. */
  async begin(principal: Principal, request: BuildRequest): Promise<{ build: TemplateBuildRow; isNew: boolean }> {
    const { db } = this.#parts;
    const workspace = request.isGlobal ? EVERYONE : principal.workspace;
    const { plan, ...rest } = await this.#plan(principal, request);
    const recipeKey = recipeKeyOf(request.recipe, plan);
    const existing = await readTemplate(db, workspace, request.name);
    const same = existing?.workspace === workspace ? await this.#earlier(existing, recipeKey, request) : undefined;
    if (same !== undefined) return { build: same, isNew: false };
    const isCatalogues = !request.isGlobal && (await this.#isEveryones(request.name));
    if (isCatalogues)
      throw new Refusal(
        "template.forbidden",
        `name: ${JSON.stringify(request.name)} is a template of the catalogue; use another name`,
        {
          details: { field: "name" },
        },
      );
    await this.#requireRoom(principal.workspace, existing);
    const of = { workspace: principal.workspace, isGlobal: request.isGlobal, name: request.name };
    const build = await insertBuild(db, {
      id: newBuildId(),
      name: request.name,
      workspace: principal.workspace,
      is_global: request.isGlobal,
      recipe_key: recipeKey,
      steps: plan.steps,
      cpu: request.recipe.cpu ?? null,
      memory_mb: rest.memoryMb,
      size_mb: rest.diskMb,
      owner: this.#parts.presence.id,
    });
    if (build === undefined) {
      const running = await runningBuild(db, of);
      if (running?.recipe_key === recipeKey) return { build: running, isNew: true };
      throw new Refusal("template.exists", `name: another build of ${JSON.stringify(request.name)} is under way`);
    }
    this.#waiting.push({ row: build, recipe: request.recipe, plan, ...rest });
    this.#next();
    return { build, isNew: true };
  }

  async #plan(
    principal: Principal,
    { recipe, context, isGlobal }: BuildRequest,
  ): Promise<Omit<BuildJob, "row" | "recipe">> {
    const { db, watch } = this.#parts;
    const builderWorkspace = isGlobal ? CATALOGUE_WORKSPACE : principal.workspace;
    const parent = await resolveTemplate(db, watch, isGlobal ? EVERYONE : principal.workspace, recipe.from);
    const diskMb = recipe.disk_mb ?? Math.max(parent.row?.disk_mb ?? 0, DEFAULT_DISK_MB);
    const memoryMb = recipe.memory_mb ?? Math.max(parent.memoryMb, DEFAULT_MEMORY_MB);
    const plan = makePlan(recipe, context, {
      rootKey: parent.rootKey,
      env: parent.env,
      scope: isGlobal ? EVERYONE : principal.workspace,
      diskMb,
    });
    if (isGlobal) await this.#requireCatalogueWorkspace();
    return {
      plan,
      parent,
      builderWorkspace,
      policies: isGlobal ? { network: { default: null, ceiling: null }, isolation: "any" } : principal,
      memoryMb,
      diskMb,
      builderMemoryMb: Math.max(recipe.build_memory_mb ?? BUILDER_MEMORY_MB, memoryMb),
      start: startOf(recipe, plan, parent.row),
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
    throw new Refusal(
      "template.exists",
      `name: there is a template ${JSON.stringify(request.name)} of another recipe; say \`replace\` to put this one in its place`,
      { details: { field: "replace" } },
    );
  }

  async #isEveryones(name: string): Promise<boolean> {
    const { catalogue } = await import("../templates/catalogue-files.ts");
    return resolveAlias(name) !== name || catalogue.some((entry) => entry.name === name);
  }

  async #requireRoom(workspace: string, existing: TemplateRow | undefined): Promise<void> {
    const { db } = this.#parts;
    if ((await countRunning(db, workspace)) >= BUILDS_PER_WORKSPACE)
      throw new Refusal("template.too_many_builds", `this workspace has ${BUILDS_PER_WORKSPACE} builds under way`, {
        retryAfterSeconds: 5,
      });
    if (existing !== undefined) return;
    const own = (await readTemplates(db, workspace)).filter((row) => row.workspace === workspace);
    if (own.length >= TEMPLATES_PER_WORKSPACE)
      throw new Refusal("template.forbidden", `this workspace has ${TEMPLATES_PER_WORKSPACE} templates; delete some`);
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
        this.#next();
      });
      this.#running.set(job.row.id, work);
    }
  }

  async #run(job: BuildJob): Promise<void> {
    const { db, log: logger } = this.#parts;
    const { id } = job.row;
    const log = new BuildLog(db, id);
    try {
      await changeBuild(db, id, { status: "building" });
      await runBuild(this.#parts, job, log, this.#stop.signal);
      log.line("done");
      await log.flush();
      await changeBuild(db, id, { status: "done", ended_at: new Date(), owner: null });
    } catch (error) {
      const isStopped = this.#stop.signal.aborted;
      const why = isStopped ? STOPPED : toErrorResponse(error).body.error;
      logger.info({ err: error, buildId: id }, "a template's build failed");
      log.line(`failed: ${why}`);
      await log
        .flush()
        .then(() => changeBuild(db, id, { status: "failed", error: why, ended_at: new Date(), owner: null }))
        .catch((lost: unknown) => logger.warn({ err: lost, buildId: id }, "a build's end is left to the sweep"));
    }
  }

  async #sweep(): Promise<void> {
    await failOrphans(this.#parts.db, this.#parts.presence);
    await sweep(this.#parts);
  }
}

/** Whatever the template is made of and what it is then: the same key, the same template. */
const recipeKeyOf = (recipe: TemplateRecipe, plan: Plan): string =>
  hash({ ...recipe, name: undefined, steps: undefined }, plan.rootKey, plan.env, plan.user, plan.cwd);

function startOf(recipe: TemplateRecipe, plan: Plan, parent: TemplateRow | undefined): BuildJob["start"] {
  const start = recipe.start ?? parent?.start?.start;
  const ready = recipe.ready ?? (recipe.start === undefined ? parent?.start?.ready : undefined);
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
