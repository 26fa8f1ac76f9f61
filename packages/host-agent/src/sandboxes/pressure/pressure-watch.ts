import type { MemoryPressure } from "@pandastack/contracts/host";
import { Refusal, withTimeout } from "@pandastack/platform";
import { hibernateSandbox } from "../commands/hibernate.ts";
import { asStep } from "../commit.ts";
import type { HostContext } from "../context.ts";
import type { SandboxEntry } from "../entry.ts";
import { availablePercent, coldest, pressureOf, type MemoryFigures, type PressureSettings } from "./rules.ts";

/** A sandbox that could not be hibernated is left alone for so long: the pool has no room for it, or its machine is dying. */
const FAILED_PAUSE_MS = 300_000;
/** One that somebody has just begun to use. */
const IN_USE_PAUSE_MS = 10_000;
/** The VMM of a hibernated sandbox is gone, and its memory free, long before. */
const EXIT_TIMEOUT_MS = 10_000;

export interface PressureOptions {
  readonly context: HostContext;
  readonly settings: PressureSettings;
  readonly measure: () => MemoryFigures;
  /** Lets go of what waits ahead of creates and wakes; answers how many. Until `relax`, nothing is started ahead. */
  readonly squeeze: () => Promise<number>;
  readonly relax: () => void;
}

/**
 * Looks at the host's memory, and makes room before the kernel would by killing something: first what nobody would miss, then
 * the memory of sandboxes that nobody has used for the longest time goes to disk. None is lost: one that cannot be saved runs
 * on, and one that is used meanwhile is left alone.
 */
export class PressureWatch {
  readonly #options: PressureOptions;
  readonly #failed = new Map<string, number>();
  #level: MemoryPressure = "none";
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: PressureOptions) {
    this.#options = options;
  }

  get level(): MemoryPressure {
    return this.#level;
  }

  start(): void {
    const { settings, context } = this.#options;
    this.#timer = setInterval(() => {
      this.#looking ??= this.look()
        .catch((error: unknown) => context.log.error({ err: error }, "the host's memory could not be looked at"))
        .finally(() => (this.#looking = undefined));
    }, settings.intervalSeconds * 1000).unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#looking;
  }

  async look(): Promise<void> {
    const { settings, measure, squeeze, relax } = this.#options;
    const figures = measure();
    const level = pressureOf(figures, settings, this.#level);
    if (level !== this.#level) this.#tell(level, figures);
    if (level === "none") return relax();
    const emptyMachines = await squeeze();
    if (emptyMachines > 0) this.#event(null, "host.squeezed", { empty_machines: emptyMachines });
    if (level === "hibernate") await this.#hibernate();
  }

  /** One after the other, and no more than it takes. */
  async #hibernate(): Promise<void> {
    const { settings, measure } = this.#options;
    while (!this.#isClosed) {
      const entry = this.#coldest();
      if (entry === undefined) return;
      await this.#putToSleep(entry);
      const figures = measure();
      // Where it is waiting that is too much, only time shows what this one has changed.
      const isByWaiting = figures.fullyStalled > settings.hibernateStalledPercent;
      if (isByWaiting || pressureOf(figures, settings, "hibernate") !== "hibernate") return;
    }
  }

  #coldest(): SandboxEntry | undefined {
    const { context, settings } = this.#options;
    const now = performance.now();
    for (const [id, until] of this.#failed) if (until < now) this.#failed.delete(id);
    const carried = context.slots.carried();
    const candidates = [...context.entries.values()]
      .filter(({ state, record }) => (state === "running" || state === "paused") && !this.#failed.has(record.id))
      .map((entry) => {
        const { isOpen, quietMs } = context.traffic.use(entry, carried);
        return { id: entry.record.id, isOpen, idleMs: Math.min(now - entry.usedAtMs, quietMs ?? Infinity) };
      });
    const found = coldest(candidates, settings);
    return found && context.entries.get(found.id);
  }

  async #putToSleep(entry: SandboxEntry): Promise<void> {
    const { context, settings } = this.#options;
    const { id } = entry.record;
    const options = { sandboxId: id, ifQuietForMs: settings.idleSeconds * 1000, cause: "memory_pressure" } as const;
    const ended = entry.machine.exited;
    try {
      await context.inTurn(id, () => hibernateSandbox(context, options, asStep(context.commit)));
    } catch (error) {
      return this.#putOff(id, error);
    }
    context.log.info({ sandboxId: id }, "hibernated: the host is short of memory");
    await withTimeout(ended, EXIT_TIMEOUT_MS, `the machine of the hibernated sandbox ${id} does not end`);
  }

  #putOff(id: string, error: unknown): void {
    const now = performance.now();
    // Somebody has come meanwhile, or it is gone.
    if (error instanceof Refusal && !error.code.startsWith("capacity."))
      return void this.#failed.set(id, now + IN_USE_PAUSE_MS);
    this.#failed.set(id, now + FAILED_PAUSE_MS);
    this.#options.context.log.warn({ err: error, sandboxId: id }, "short of memory, and it could not be hibernated");
    const reason = error instanceof Refusal ? error.message : "its memory could not be saved";
    this.#event(id, "sandbox.hibernation_failed", { cause: "memory_pressure", reason });
  }

  #tell(level: MemoryPressure, figures: MemoryFigures): void {
    const payload = {
      level,
      before: this.#level,
      available_percent: Math.round(availablePercent(figures) * 10) / 10,
      some_stalled_percent: figures.someStalled,
      fully_stalled_percent: figures.fullyStalled,
    };
    this.#level = level;
    this.#options.context.log.warn(payload, "memory pressure");
    this.#event(null, "host.memory_pressure", payload);
  }

  #event(sandboxId: string | null, type: string, payload: Record<string, unknown>): void {
    this.#options.context.commit([{ event: { sandboxId, type, payload } }]);
  }
}
