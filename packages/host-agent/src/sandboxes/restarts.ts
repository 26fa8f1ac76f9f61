import { Refusal } from "@pandastack/platform";
import { wakeSandbox } from "./commands/wake.ts";
import { asStep } from "./commit.ts";
import type { HostContext } from "./context.ts";
import { settleDeath, pauseBeforeRestartMs } from "./death.ts";
import type { SandboxEntry } from "./entry.ts";

/** Where the host has no room at this moment. That is no fault of the sandbox's. */
const NO_ROOM_PAUSE_MS = 15_000;

/**
 * Starts persistent sandboxes again whose machines have died. What is due is in their records: an agent that dies meanwhile
 * finds it there, and whoever uses such a sandbox first has started it.
 */
export class Restarts {
  readonly #context: HostContext;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #isClosed = false;

  constructor(context: HostContext) {
    this.#context = context;
  }

  /** For a sandbox whose record says that a restart is due. */
  schedule(entry: SandboxEntry): void {
    const { id, restartDue, deaths = 1 } = entry.record;
    if (restartDue) this.#after(id, pauseBeforeRestartMs(deaths));
  }

  /** None begins from here on. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #after(id: string, pauseMs: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timers.get(id));
    const timer = setTimeout(() => {
      this.#timers.delete(id);
      this.#context.later("start a sandbox again", () => this.#context.inTurn(id, () => this.#restart(id)));
    }, pauseMs);
    this.#timers.set(id, timer);
  }

  async #restart(id: string): Promise<void> {
    const { entries, commit, log } = this.#context;
    const entry = entries.get(id);
    if (this.#isClosed || !entry?.record.restartDue) return;
    try {
      await wakeSandbox(this.#context, id, asStep(commit));
      log.info({ sandboxId: id }, "a sandbox whose machine had died was started from its disk");
    } catch (error) {
      log.error({ err: error, sandboxId: id }, "a sandbox whose machine had died could not be started again");
      if (error instanceof Refusal && error.code.startsWith("capacity.")) return this.#after(id, NO_ROOM_PAUSE_MS);
      const text = error instanceof Error ? error.message : String(error);
      const { record, change } = settleDeath(this.#context.layout, entry.record, {
        reason: `it could not be started again: ${text}`,
        by: "itself",
      });
      commit([change]);
      entry.record = record;
      this.schedule(entry);
    }
  }
}
