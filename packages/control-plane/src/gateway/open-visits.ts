import type { IncomingMessage } from "node:http";
import { Refusal, type Logger } from "@pandastack/platform";
import { Loop } from "../calls/loop.ts";
import type { Database } from "../persistence/database.ts";
import type { GatewayAddress } from "./address.ts";
import type { Doorkeeper } from "./admission.ts";

/** How often whoever has something open is asked again whether they may. Most requests are over before. */
const CHECK_MS = 1000;

export interface OpenVisit {
  readonly address: GatewayAddress;
  readonly request: IncomingMessage;
  readonly sandboxId: string;
  readonly end: () => void;
}

/**
 * Sees to it that nothing stays open to a sandbox for longer than whoever opened it may: a token or link that was taken back or
 * has expired, a port that is private again, a sandbox that is gone.
 */
export class OpenVisits {
  readonly #doorkeeper: Doorkeeper;
  readonly #db: Database;
  readonly #loop: Loop;
  readonly #open = new Map<OpenVisit, number>();

  constructor(parts: { doorkeeper: Doorkeeper; db: Database; log: Logger }) {
    this.#doorkeeper = parts.doorkeeper;
    this.#db = parts.db;
    this.#loop = new Loop(() => this.#pass(), {
      pauseMs: CHECK_MS,
      onError: (error) => parts.log.debug({ err: error }, "gateway: the database is away"),
    });
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Until what is returned is called. */
  enter(visit: OpenVisit): () => void {
    this.#open.set(visit, performance.now());
    return () => void this.#open.delete(visit);
  }

  async #pass(): Promise<void> {
    const before = performance.now() - CHECK_MS;
    const visits = [...this.#open].filter(([, since]) => since <= before).map(([visit]) => visit);
    if (visits.length === 0) return;
    const ids = [...new Set(visits.map(({ sandboxId }) => sandboxId))];
    const rows = await this.#db.selectFrom("sandboxes").selectAll().where("id", "in", ids).execute();
    for (const row of rows) this.#doorkeeper.learn(row);
    for (const visit of visits) await this.#check(visit);
  }

  async #check({ address, request, end }: OpenVisit): Promise<void> {
    try {
      await this.#doorkeeper.admit(address, request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      end();
    }
  }
}
