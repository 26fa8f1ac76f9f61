import { crashPoint, Refusal } from "@pandastack/platform";
import type { TemplateBuildRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { Builder, type BuilderOptions } from "./builder.ts";
import { importImage } from "./images.ts";
import { findLayer } from "./layers.ts";
import type { Action, Stage } from "./plan.ts";
import { forgetRoot } from "./roots.ts";
import { NO_SECRETS, type BuildSecrets } from "./secrets.ts";
import { changeBuild, type BuildLog } from "./store.ts";
import { BuildSurroundings } from "./surroundings.ts";

interface StageJob {
  readonly row: TemplateBuildRow;
  readonly policies: BuilderOptions["policies"];
  readonly builderWorkspace: string;
  readonly builderMemoryMb: number;
  readonly secrets?: BuildSecrets;
  readonly plan: { readonly steps: number; readonly key: string };
}

/** The machines of one build: one for the template, and one for each stage that something has to be copied out of. */
export class StageBuilders {
  readonly #parts: SandboxParts;
  readonly #job: StageJob;
  readonly #log: BuildLog;
  readonly #signal: AbortSignal;
  readonly #open = new Map<string, Builder>();
  /** Roots that only its machines began with. */
  readonly #imported: string[] = [];

  constructor(parts: SandboxParts, job: StageJob, log: BuildLog, signal: AbortSignal) {
    this.#parts = parts;
    this.#job = job;
    this.#log = log;
    this.#signal = signal;
  }

  /** A stage's machine after its last step. It goes on from the last result that is there. */
  async open(stage: Stage): Promise<Builder> {
    const { plan, parent } = stage;
    const there = this.#open.get(plan.key);
    if (there !== undefined) return there;
    const parts = this.#parts;
    const job = this.#job;
    const keys = plan.actions.map((action) => action.key);
    const layer = await findLayer(parts.db, job.builderWorkspace, keys);
    const done = layer === undefined ? 0 : keys.indexOf(layer.layer_key!) + 1;
    for (const action of plan.actions.slice(0, done)) this.#say(action, " (cached)");
    if (plan.key === job.plan.key) {
      const cached = plan.actions[done - 1]?.number ?? 0;
      await changeBuild(parts.db, job.row.id, { cached_steps: cached, step: cached });
    }
    if (layer === undefined && parent.image !== undefined) {
      this.#log.line(`reading ${parent.name}`);
      this.#imported.push(parent.rootKey);
      await importImage(parts.host, parent, parent.rootKey, this.#signal);
    }
    const builder = await Builder.open({
      parts,
      workspace: job.builderWorkspace,
      policies: job.policies,
      buildId: job.row.id,
      from: layer === undefined ? { template: parent } : { snapshotId: layer.id },
      memoryMb: job.builderMemoryMb,
      secrets: job.secrets ?? NO_SECRETS,
      surroundings: new BuildSurroundings(parts.settings.mirrors),
      log: this.#log,
      signal: this.#signal,
    });
    crashPoint("control.build.opened");
    this.#open.set(plan.key, builder);
    for (const action of plan.actions.slice(done)) await this.#perform(builder, action);
    return builder;
  }

  async #perform(builder: Builder, action: Action): Promise<void> {
    const source = action.kind === "transfer" ? await this.open(action.source) : undefined;
    this.#say(action, "");
    await changeBuild(this.#parts.db, this.#job.row.id, { step: action.number });
    try {
      await builder.perform(action, source);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const where = `step ${action.number}/${this.#job.plan.steps} (${action.text})`;
      throw new Refusal(error.code, `${where}: ${error.message}`);
    }
    crashPoint("control.build.performed");
    if (action.isTainted) return this.#log.line("its result is not kept: a secret was in this machine");
    await builder.keep(action.key).catch((error: unknown) => {
      // The pool is full, or the workspace has too many: the next build does this step again.
      if (!(error instanceof Refusal)) throw error;
      this.#log.line(`its result is not kept: ${error.message}`);
    });
    crashPoint("control.build.kept");
  }

  #say(action: Action, more: string): void {
    this.#log.line(`step ${action.number}/${this.#job.plan.steps}: ${action.text}${more}`);
  }

  async close(): Promise<void> {
    for (const builder of this.#open.values())
      await builder
        .close()
        .catch((error: unknown) =>
          this.#parts.log.debug({ err: error, buildId: this.#job.row.id }, "a builder is left to the sweep"),
        );
    for (const rootKey of this.#imported)
      await forgetRoot(this.#parts, rootKey).catch((error: unknown) =>
        this.#parts.log.debug({ err: error, rootKey }, "an image's root is left in the host's cache"),
      );
  }
}
