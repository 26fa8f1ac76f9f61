import type { HostContext } from "./context.ts";

const LOOK_MS = 1_000;
/** A guest's clock may be this far off; what is promised is 50 ms. */
const STEP_MS = 25;

/**
 * Tells guests what time it is when the host's clock was put to another time. Theirs only go on, and they hear of the time
 * otherwise when they are started, woken, resumed, or connected to anew.
 */
export class ClockWatch {
  readonly #context: HostContext;
  #timer: NodeJS.Timeout | undefined;
  #offsetMs = offsetMs();

  constructor(context: HostContext) {
    this.#context = context;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = offsetMs();
    const stepMs = Math.round(now - this.#offsetMs);
    if (Math.abs(stepMs) < STEP_MS) return;
    this.#offsetMs = now;
    this.#context.log.warn({ stepMs }, "the host's clock was put to another time; guests are told");
    for (const entry of this.#context.entries.values()) {
      if (entry.state === "running") entry.openGuest?.tellTime();
    }
  }
}

/** Between the clock that may be put to another time and the one that only goes on. */
const offsetMs = (): number => Date.now() - performance.now();
