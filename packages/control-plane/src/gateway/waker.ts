import { setTimeout as delay } from "node:timers/promises";
import { step } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { SandboxRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { readyFor } from "../sandboxes/service/enter.ts";
import { syncSandbox } from "../sandboxes/service/sync.ts";
import { readSandbox, unknownSandbox } from "../sandboxes/store.ts";

/** A wake belongs to everybody who waits for it: no one of them can call it off. */
const NEVER = new AbortController().signal;
const RETRY_AFTER_SECONDS = 1;

/** Brings sandboxes to life for requests: one wake however many ask, and each waits only as long as it likes. */
export class Waker {
  readonly #parts: SandboxParts;
  readonly #flights = new Map<string, Promise<SandboxRow>>();

  constructor(parts: SandboxParts) {
    this.#parts = parts;
  }

  /** The sandbox, running. Refuses with `sandbox.waking` when that takes longer than `patienceMs`; the wake goes on. */
  async ready(row: SandboxRow, patienceMs: number): Promise<SandboxRow> {
    if (step(row.status, "use").kind === "run") return row;
    return this.#join(row.id, false, patienceMs);
  }

  /** The same where the host has just said that the row is wrong. */
  revive(row: SandboxRow, patienceMs: number): Promise<SandboxRow> {
    return this.#join(row.id, true, patienceMs);
  }

  async #join(id: string, isSuspect: boolean, patienceMs: number): Promise<SandboxRow> {
    let flight = this.#flights.get(id);
    if (flight === undefined) {
      flight = this.#wake(id, isSuspect).finally(() => this.#flights.delete(id));
      this.#flights.set(id, flight);
      flight.catch(() => {});
    }
    const patience = new AbortController();
    try {
      return await Promise.race([flight, outOfPatience(patienceMs, patience.signal)]);
    } finally {
      patience.abort();
    }
  }

  async #wake(id: string, isSuspect: boolean): Promise<SandboxRow> {
    if (isSuspect) await syncSandbox(this.#parts, id);
    const row = await readSandbox(this.#parts.db, id);
    if (row === undefined || row.wanted === "deleted") throw unknownSandbox();
    return readyFor(this.#parts, row, "use", NEVER);
  }
}

async function outOfPatience(ms: number, signal: AbortSignal): Promise<never> {
  await delay(ms, undefined, { signal }).catch(() => {});
  throw new Refusal("sandbox.waking", "the sandbox is waking up; try again in a moment", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
