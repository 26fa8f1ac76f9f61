import { Refusal } from "@pandastack/platform";

export interface WorkQueueLimits {
  /** Shares of a host that may be in use at a time; asked at every turn, for it changes with what is known of the host. */
  readonly inFlight: () => number;
  /** Claims that may wait. */
  readonly waiting: number;
  /** How long a claim waits before it is refused. */
  readonly waitMs: number;
}

export interface Claim {
  readonly workspace: string;
  /** Shares of the host: one for each sandbox that is to be made. */
  readonly weight: number;
  /** Fires when the caller has gone away: it leaves the queue then. */
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly claim: Claim;
  readonly since: number;
  readonly begin: () => void;
  readonly refuse: (error: unknown) => void;
}

/** What one share takes before anything has been measured, in milliseconds. */
const FIRST_GUESS_MS = 500;
/** How much the newest measurement counts. */
const NEWEST_SHARE = 0.1;

/**
 * Work that loads a host: making sandboxes, by whatever way. So much of it at a time, the rest waits its turn: workspaces take
 * turns, and within one the first is the first. Whoever cannot be served in time is told so, with when to come again.
 */
export class WorkQueue {
  readonly #limits: WorkQueueLimits;
  /** By workspace, in the order of their turns. */
  readonly #waiting = new Map<string, Waiter[]>();
  readonly #onWaited: (seconds: number) => void;
  #waitingCount = 0;
  #inFlight = 0;
  #shareMs = FIRST_GUESS_MS;

  constructor(limits: WorkQueueLimits, onWaited: (seconds: number) => void = () => {}) {
    this.#limits = limits;
    this.#onWaited = onWaited;
  }

  /** Claims that wait. */
  get depth(): number {
    return this.#waitingCount;
  }

  /** Shares in use. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Shares that there are. */
  get limit(): number {
    return this.#limits.inFlight();
  }

  /** Does `task` at its turn. Refuses with `capacity.unavailable` when that does not come in time; throws the signal's reason. */
  async run<T>(claim: Claim, task: () => Promise<T>): Promise<T> {
    const weight = this.#sharesOf(claim);
    const arrived = performance.now();
    await this.#turn(claim);
    const begun = performance.now();
    this.#onWaited((begun - arrived) / 1000);
    try {
      return await task();
    } finally {
      this.#shareMs += NEWEST_SHARE * ((performance.now() - begun) / weight - this.#shareMs);
      this.#inFlight -= weight;
      this.#serve();
    }
  }

  /** Nothing claims more than a whole host: it would wait for ever. */
  #sharesOf(claim: Claim): number {
    return Math.max(1, Math.min(claim.weight, this.#limits.inFlight()));
  }

  #fits(weight: number): boolean {
    return this.#inFlight === 0 || this.#inFlight + weight <= this.#limits.inFlight();
  }

  async #turn(claim: Claim): Promise<void> {
    claim.signal.throwIfAborted();
    const weight = this.#sharesOf(claim);
    if (this.#waitingCount === 0 && this.#fits(weight)) {
      this.#inFlight += weight;
      return;
    }
    this.#makeRoomFor(claim.workspace);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = {
      claim: { ...claim, weight },
      since: performance.now(),
      begin: resolve,
      refuse: reject,
    };
    const leave = (error: unknown) => {
      if (!this.#remove(waiter)) return;
      reject(error);
      this.#serve();
    };
    const onAbort = () => leave(claim.signal.reason);
    const timer = setTimeout(() => leave(this.#tooBusy()), this.#limits.waitMs);
    claim.signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.set(claim.workspace, [...(this.#waiting.get(claim.workspace) ?? []), waiter]);
    this.#waitingCount += 1;
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      claim.signal.removeEventListener("abort", onAbort);
    }
  }

  /** A full queue is not one workspace's: whoever has the most in it gives up its newest place to one that has fewer. */
  #makeRoomFor(workspace: string): void {
    if (this.#waitingCount < this.#limits.waiting) return;
    const own = this.#waiting.get(workspace)?.length ?? 0;
    const longest = [...this.#waiting.values()].reduce((a, b) => (b.length > a.length ? b : a), []);
    const last = longest.at(-1);
    if (last === undefined || longest.length <= own + 1) throw this.#tooBusy();
    this.#remove(last);
    last.refuse(this.#tooBusy());
  }

  #remove(waiter: Waiter): boolean {
    const { workspace } = waiter.claim;
    const line = this.#waiting.get(workspace);
    const at = line?.indexOf(waiter) ?? -1;
    if (line === undefined || at === -1) return false;
    line.splice(at, 1);
    if (line.length === 0) this.#waiting.delete(workspace);
    this.#waitingCount -= 1;
    return true;
  }

  /** Begins what fits, workspace by workspace. One that does not fit holds up all: smaller ones would overtake it for ever. */
  #serve(): void {
    for (;;) {
      const [workspace, line] = this.#waiting.entries().next().value ?? [];
      const waiter = line?.[0];
      if (workspace === undefined || line === undefined || waiter === undefined) return;
      if (!this.#fits(waiter.claim.weight)) return;
      this.#remove(waiter);
      if (line.length > 0) {
        // To the end of the turns.
        this.#waiting.delete(workspace);
        this.#waiting.set(workspace, line);
      }
      this.#inFlight += waiter.claim.weight;
      waiter.begin();
    }
  }

  #tooBusy(): Refusal {
    const waitSeconds = Math.max(1, Math.round(this.#limits.waitMs / 1000));
    const estimate = Math.ceil((this.#waitingCount * this.#shareMs) / this.#limits.inFlight() / 1000);
    return new Refusal(
      "capacity.unavailable",
      `the host is busy with other sandboxes: ${this.#waitingCount} requests wait before this one; try again later`,
      {
        details: { waiting: this.#waitingCount, in_flight: this.#inFlight },
        retryAfterSeconds: Math.min(waitSeconds, Math.max(1, estimate)),
      },
    );
  }
}
