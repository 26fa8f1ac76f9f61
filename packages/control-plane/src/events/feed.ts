import { EventEmitter } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { crashPoint } from "@pandastack/platform";
import type { HostEvent } from "@pandastack/contracts/host";
import type { Logger } from "@pandastack/platform";
import { Loop } from "../calls/loop.ts";
import type { HostClient } from "../hosts/client.ts";
import type { HostWatch } from "../hosts/watch.ts";
import type { Database } from "../persistence/database.ts";
import { readCursor, storeHostEvents, type Journal } from "./store.ts";

const PAUSE_MS = 500;
/** Events that arrive together are stored together. */
const BATCH_WAIT_MS = 10;
const BATCH_LIMIT = 500;

/**
 * Follows the host's journal into the database. Every control plane does: each needs to know, and storing twice changes
 * nothing. Whoever waits for a sandbox's events listens here for "there may be new ones".
 */
export class EventFeed {
  readonly #parts: { db: Database; host: HostClient; watch: HostWatch; log: Logger };
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  readonly #loop: Loop;
  #connection: object | undefined;

  constructor(parts: { db: Database; host: HostClient; watch: HostWatch; log: Logger }) {
    this.#parts = parts;
    this.#loop = new Loop((signal) => this.#follow(signal), {
      pauseMs: PAUSE_MS,
      onError: (error) =>
        parts.log.debug({ err: error }, "events: the host's journal cannot be followed at the moment"),
    });
  }

  /** Called with what the host said, after it was stored. */
  onHostEvents(listener: (events: readonly HostEvent[]) => void): () => void {
    this.#emitter.on("host", listener);
    return () => this.#emitter.off("host", listener);
  }

  /** Called whenever a connection to the host's journal stands anew: what was said in between has been missed by listeners. */
  onReconnect(listener: () => void): () => void {
    this.#emitter.on("reconnect", listener);
    return () => this.#emitter.off("reconnect", listener);
  }

  /** Called when that connection is lost. */
  onDisconnect(listener: () => void): () => void {
    this.#emitter.on("disconnect", listener);
    return () => this.#emitter.off("disconnect", listener);
  }

  /** The connection that stands, by identity; undefined while there is none. */
  get connection(): object | undefined {
    return this.#connection;
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { db, watch } = this.#parts;
    const info = await watch.refresh();
    const journal = { hostId: info.id, epoch: info.epoch };
    const cursor = await readCursor(db, journal);
    this.#connection = {};
    this.#emitter.emit("reconnect");
    try {
      await this.#store(journal, cursor, signal);
    } finally {
      this.#connection = undefined;
      this.#emitter.emit("disconnect");
    }
  }

  async #store(journal: Journal, cursor: number, signal: AbortSignal): Promise<void> {
    const { db, host } = this.#parts;
    let batch: HostEvent[] = [];
    let storing: Promise<void> = Promise.resolve();
    const failed = new AbortController();
    const flush = async () => {
      const events = batch;
      batch = [];
      if (events.length === 0) return;
      crashPoint("control.events.read");
      await storeHostEvents(db, journal, events);
      crashPoint("control.events.stored");
      this.#emitter.emit("host", events);
    };
    for await (const event of host.events(cursor, AbortSignal.any([signal, failed.signal]))) {
      batch.push(event);
      if (batch.length > 1 && batch.length < BATCH_LIMIT) continue;
      storing = storing.then(() => delay(BATCH_WAIT_MS)).then(flush);
      // The stream is read again from the stored cursor: nothing is lost, only told later.
      storing.catch(() => failed.abort());
      if (batch.length >= BATCH_LIMIT) await storing;
    }
    await storing;
    await flush();
  }
}
