import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { crashPoint, Fault, Refusal, type Logger } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";
import { ownerHasLeft, type Presence } from "../persistence/presence.ts";
import { KeyNotes } from "./key-notes.ts";

/** Below the 30 s at which clients give up. */
const WAIT_LIMIT_MS = 25_000;
const WAIT_STEP_MS = 50;
/** Owner of a key that was given up: no control plane, so anyone may take it over at once. */
const NOBODY = "00000000-0000-0000-0000-000000000000";
const KEY = /^[\x21-\x7e]{1,255}$/;

export interface Remembered {
  readonly status: number;
  readonly body: unknown;
}

export interface IdempotentRequest {
  readonly workspace: string;
  readonly key: string;
  /** Operation, parameters and body: the same key with another of these is a mistake. */
  readonly fingerprint: unknown;
}

/**
 * Does a request once however often it is sent. The second sender waits for the first; when the first one's control plane
 * has died, the second goes on in its place with the same seed, so that what was half made is finished. Failures are not
 * remembered: the key is free again.
 */
export class IdempotencyKeys {
  readonly #db: Database;
  readonly #presence: Presence;
  readonly #notes: KeyNotes;
  /** Workspaces and keys that a request of this process works under, or whose outcome is still to be written down. */
  readonly #inUse = new Set<string>();
  /** Those of them of which the database still has to hear that they were given up, and why they were. */
  readonly #givenUp = new Map<string, unknown>();

  constructor({ db, presence, log }: { db: Database; presence: Presence; log: Logger }) {
    this.#db = db;
    this.#presence = presence;
    this.#notes = new KeyNotes(db, log);
  }

  async once(
    request: IdempotentRequest,
    run: (seed: string) => Promise<Remembered>,
  ): Promise<Remembered & { isReplay: boolean }> {
    const { workspace, key } = request;
    if (!KEY.test(key))
      throw new Refusal("validation.failed", "Idempotency-Key: 1 to 255 visible ASCII characters", {
        details: { field: "Idempotency-Key" },
      });
    const end = performance.now() + WAIT_LIMIT_MS;
    const name = `${workspace} ${key}`;
    while (this.#inUse.has(name)) {
      if (this.#givenUp.has(name)) throw this.#givenUp.get(name);
      await waitABit(end);
    }
    this.#inUse.add(name);
    const release = () => {
      this.#givenUp.delete(name);
      this.#inUse.delete(name);
    };
    const owner = this.#presence.id;
    /** Nobody knows how far it came, nor what of it could be undone: who repeats it, here or elsewhere, goes on with its seed. */
    const giveUp = (fault: unknown) => {
      this.#givenUp.set(name, fault);
      return this.#notes.write(
        name,
        sql`update idempotency_keys set owner = ${NOBODY}::uuid
          where workspace = ${workspace} and key = ${key} and owner = ${owner} and status is null`,
        release,
      );
    };
    const claimed = await claim(this.#db, this.#presence, request, end).catch((error: unknown) => {
      // It may be written down all the same: a lost answer is not a lost statement.
      if (isOfDatabase(error)) void giveUp(error);
      else release();
      throw error;
    });
    if (typeof claimed !== "string") {
      release();
      return { ...claimed, isReplay: true };
    }
    crashPoint("control.idempotency.claimed");
    let answer: Remembered;
    try {
      answer = await run(claimed);
      crashPoint("control.idempotency.done");
    } catch (error) {
      const forget = sql`delete from idempotency_keys
        where workspace = ${workspace} and key = ${key} and owner = ${owner} and status is null`;
      await (isOfDatabase(error) ? giveUp(error) : this.#notes.write(name, forget, release));
      throw error;
    }
    const remember = sql`update idempotency_keys set status = ${answer.status}, reply = ${JSON.stringify(answer.body)}::jsonb
      where workspace = ${workspace} and key = ${key} and owner = ${owner}`;
    await this.#notes.write(name, remember, release);
    crashPoint("control.idempotency.remembered");
    return { ...answer, isReplay: false };
  }

  stop(): Promise<void> {
    return this.#notes.stop();
  }
}

const isOfDatabase = (error: unknown): boolean =>
  error instanceof Fault && (error.code === "internal.database" || error.code === "internal.database_full");

async function waitABit(end: number): Promise<void> {
  if (performance.now() > end) {
    throw new Refusal(
      "idempotency.in_progress",
      "Idempotency-Key: the first request with this key is still being worked on; try again",
      { retryAfterSeconds: 1 },
    );
  }
  await delay(WAIT_STEP_MS);
}

/** The seed to work with, or the answer that was given before. */
async function claim(
  db: Database,
  presence: Presence,
  request: IdempotentRequest,
  end: number,
): Promise<string | Remembered> {
  const { workspace, key } = request;
  const hash = createHash("sha256").update(JSON.stringify(request.fingerprint)).digest();
  for (;;) {
    const seed = randomUUID();
    const inserted = await db
      .insertInto("idempotency_keys")
      .values({ workspace, key, request_hash: hash, seed, owner: presence.id, status: null, reply: null })
      .onConflict((conflict) => conflict.doNothing())
      .returning("seed")
      .executeTakeFirst();
    if (inserted !== undefined) return inserted.seed;
    const row = await db
      .selectFrom("idempotency_keys")
      .selectAll()
      .where("workspace", "=", workspace)
      .where("key", "=", key)
      .executeTakeFirst();
    if (row === undefined) continue;
    if (!row.request_hash.equals(hash)) {
      throw new Refusal("idempotency.conflict", "Idempotency-Key: this key was used for another request", {
        details: { field: "Idempotency-Key" },
      });
    }
    if (row.status !== null) return { status: row.status, body: row.reply };
    // Ours, and nobody here works on it: what became of it was dropped.
    if (row.owner === presence.id) return row.seed;
    // After the database was away everybody has been silent.
    const isDead = presence.mayJudge ? presence.ownerIsDead("owner") : ownerHasLeft("owner");
    const { rows } = await sql<{ seed: string }>`
      update idempotency_keys set owner = ${presence.id}
      where workspace = ${workspace} and key = ${key} and status is null and owner <> ${presence.id} and ${isDead}
      returning seed`.execute(db);
    if (rows[0] !== undefined) return rows[0].seed;
    await waitABit(end);
  }
}
