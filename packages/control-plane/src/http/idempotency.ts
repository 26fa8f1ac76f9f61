import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { crashPoint, Refusal, type Logger } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";
import type { Presence } from "../persistence/presence.ts";

/** Below the 30 s at which clients give up. */
const WAIT_LIMIT_MS = 25_000;
const WAIT_STEP_MS = 50;
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

export interface IdempotencyParts {
  readonly db: Database;
  readonly presence: Presence;
  readonly log: Logger;
  /** Workspaces and keys that a request of this process works under. */
  readonly keysInUse: Set<string>;
}

/**
 * Does a request once however often it is sent. The second sender waits for the first; when the first one's control plane
 * has died, the second goes on in its place with the same seed, so that what was half made is finished. Failures are not
 * remembered: the key is free again.
 */
export async function once(
  parts: IdempotencyParts,
  request: IdempotentRequest,
  run: (seed: string) => Promise<Remembered>,
): Promise<Remembered & { isReplay: boolean }> {
  if (!KEY.test(request.key))
    throw new Refusal("validation.failed", "Idempotency-Key: 1 to 255 visible ASCII characters", {
      details: { field: "Idempotency-Key" },
    });
  const end = performance.now() + WAIT_LIMIT_MS;
  const name = `${request.workspace} ${request.key}`;
  while (parts.keysInUse.has(name)) await waitABit(end);
  parts.keysInUse.add(name);
  try {
    return await claimAndRun(parts, request, run, end);
  } finally {
    parts.keysInUse.delete(name);
  }
}

/** The only one in this process that works under the key. */
async function claimAndRun(
  parts: IdempotencyParts,
  request: IdempotentRequest,
  run: (seed: string) => Promise<Remembered>,
  end: number,
): Promise<Remembered & { isReplay: boolean }> {
  const seed = await claim(parts, request, end);
  if (typeof seed !== "string") return { ...seed, isReplay: true };
  const { workspace, key } = request;
  crashPoint("control.idempotency.claimed");
  let answer: Remembered;
  try {
    answer = await run(seed);
    crashPoint("control.idempotency.done");
  } catch (error) {
    // Where this fails, the next one under the key takes it over, with its seed.
    await sql`delete from idempotency_keys where workspace = ${workspace} and key = ${key} and owner = ${parts.presence.id} and status is null`
      .execute(parts.db)
      .catch(() => {});
    throw error;
  }
  // The work is done: a lost note of it must not make it a failure. A repetition finds it under the same seed.
  await sql`update idempotency_keys set status = ${answer.status}, reply = ${JSON.stringify(answer.body)}::jsonb
    where workspace = ${workspace} and key = ${key} and owner = ${parts.presence.id}`
    .execute(parts.db)
    .catch((error: unknown) => parts.log.warn({ err: error }, "an answer could not be written down under its key"));
  crashPoint("control.idempotency.remembered");
  return { ...answer, isReplay: false };
}

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
async function claim(parts: IdempotencyParts, request: IdempotentRequest, end: number): Promise<string | Remembered> {
  const { db, presence } = parts;
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
    // Ours, and nobody here works on it: its answer or its failure could not be written down.
    if (row.owner === presence.id) return row.seed;
    const { rows } = await sql<{ seed: string }>`
      update idempotency_keys set owner = ${presence.id}
      where workspace = ${workspace} and key = ${key} and status is null and owner <> ${presence.id} and ${presence.ownerIsDead("owner")}
      returning seed`.execute(db);
    if (rows[0] !== undefined) return rows[0].seed;
    await waitABit(end);
  }
}
