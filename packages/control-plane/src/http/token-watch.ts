import { sql } from "kysely";
import type { Logger } from "@pandastack/platform";
import { Loop } from "../calls/loop.ts";
import type { Database } from "../persistence/database.ts";
import type { OpenCalls } from "./open-calls.ts";

/** How late a revocation through another control plane, or an expiry, reaches a stream that is open here. */
const CHECK_MS = 500;

/** Sees to it that no stream or socket outlives the token that it was opened with, whoever revoked that. */
export class TokenWatch {
  readonly #loop: Loop;

  constructor(parts: { db: Database; openCalls: OpenCalls; log: Logger }) {
    const { db, openCalls, log } = parts;
    this.#loop = new Loop(
      async () => {
        const prefixes = openCalls.tokens();
        if (prefixes.length === 0) return;
        const { rows } = await sql<{ prefix: string }>`
          select prefix from tokens where prefix = any(${prefixes})
            and (revoked_at is not null or expires_at <= clock_timestamp())`.execute(db);
        for (const { prefix } of rows) openCalls.revoke(prefix);
      },
      { pauseMs: CHECK_MS, onError: (error) => log.debug({ err: error }, "tokens: the database is away") },
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }
}
