import { setTimeout as delay } from "node:timers/promises";
import type { RuntimeName } from "@pandastack/contracts/host";
import type { Logger } from "@pandastack/platform";
import type { RuntimeEntry, Runtimes } from "../runtimes/registry.ts";
import type { TemplateImage, TemplateStore } from "../templates/template-store.ts";
import type { SlotSource } from "./slots.ts";
import { Stock } from "./stock.ts";

const DEFAULT_TEMPLATE = "base";
/** Between two attempts at a template: doubled after each, so that a host that cannot bake does little else. */
const FIRST_BAKE_PAUSE_MS = 500;
const LONGEST_BAKE_PAUSE_MS = 60_000;

export interface PreparationOptions {
  readonly runtimes: Runtimes;
  readonly slots: SlotSource;
  readonly templates: TemplateStore;
  readonly later: (what: string, work: () => Promise<void>) => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** What is made before anyone asks: the default runtime's default template, and what waits ahead for every runtime that has it. */
export class Preparation {
  readonly #options: PreparationOptions;
  readonly #stocks = new Map<RuntimeName, Stock>();
  /** Null: a create of the default template works. */
  #notReadyReason: string | null = "starting";

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  get notReadyReason(): string | null {
    return this.#notReadyReason;
  }

  stock(runtime: RuntimeName): Stock | undefined {
    return this.#stocks.get(runtime);
  }

  /** A bake that failed is tried again until it works: whatever was missing may come. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    for (let failures = 1; !signal.aborted && !(await this.#try()); failures++) {
      const pauseMs = Math.min(FIRST_BAKE_PAUSE_MS * 2 ** failures, LONGEST_BAKE_PAUSE_MS);
      await delay(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Whatever waits for a runtime's default template: of a new one from now on, and of the former nothing any more. */
  keepAhead(image: TemplateImage, entry: RuntimeEntry): void {
    const { slots, signal, later, log } = this.#options;
    const { runtime, ahead } = entry;
    if (image.name !== DEFAULT_TEMPLATE || signal.aborted) return;
    // Of a runtime with two kinds of templates, one has machines that wait.
    if (this.#options.runtimes.require(runtime.name).runtime !== runtime) return;
    const former = this.#stocks.get(image.runtime);
    const stock = new Stock({ runtime, slots, imageDir: image.dir, size: image.manifest, count: ahead, log });
    this.#stocks.set(image.runtime, stock);
    later("start machines ahead", async () => {
      await former?.close();
      await stock.fill();
    });
  }

  /** Short of memory: lets go of all that waits, and starts nothing ahead until `goOn`. Answers how many there were. */
  async rest(): Promise<number> {
    const counts = await Promise.all([...this.#stocks.values()].map((stock) => stock.rest()));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  goOn(): void {
    for (const stock of this.#stocks.values()) stock.goOn();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#stocks.values()].map((stock) => stock.close()));
  }

  /** Where the default has no disks: what `auto` is for sandboxes that need one, behind the others' backs. */
  #prepareForDisks(): void {
    const { runtimes, templates, later, signal } = this.#options;
    const entry = runtimes.choose("auto", { disk: true, volumes: false, foreignVolumes: false });
    if (entry === runtimes.default || signal.aborted) return;
    templates.takeEarlier(DEFAULT_TEMPLATE, entry);
    later("make a template for sandboxes with disks", async () => {
      await templates.ensure({ template: DEFAULT_TEMPLATE }, entry, { isAwaited: true });
    });
  }

  async #try(): Promise<boolean> {
    const { runtimes, templates, log } = this.#options;
    const entry = runtimes.default;
    // An earlier start's template serves at once, and until the one of today is there.
    const earlier = templates.takeEarlier(DEFAULT_TEMPLATE, entry);
    this.#notReadyReason = earlier ? null : `making the template "${DEFAULT_TEMPLATE}"`;
    try {
      await templates.ensure({ template: DEFAULT_TEMPLATE }, entry);
      if (!earlier) this.#notReadyReason = "starting empty machines ahead";
      await this.#stocks.get(entry.runtime.name)?.fill();
      this.#notReadyReason = null;
      this.#prepareForDisks();
      return true;
    } catch (error) {
      log.error({ err: error }, "the default template could not be made");
      if (!earlier) this.#notReadyReason = error instanceof Error ? error.message : String(error);
      return false;
    }
  }
}
