import { sql } from "kysely";
import { writeFileAtomic, type Logger } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";
import { insertToken } from "./store.ts";
import { hashToken, isSameHash, mintToken, tokenPrefix } from "./tokens.ts";
import { DEFAULT_WORKSPACE } from "./workspaces.ts";

/** Any number, the same in every control plane. */
const BOOTSTRAP_LOCK = 7_263_782_002;

export interface BootstrapOptions {
  /** Becomes the first admin token; a new one is minted without it. */
  readonly apiKey: string | undefined;
  /** Where a minted token is written, once, for the operator: `{"token"}`, mode 0600. */
  readonly file: string | undefined;
}

/**
 * The first workspace and the first admin token, where there is no token yet. The file comes before the commit: after a
 * crash in between it holds a token that never worked, and the next start writes another; the other way round the only
 * admin token could be lost for ever.
 */
export async function bootstrap(db: Database, options: BootstrapOptions, log: Logger): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(BOOTSTRAP_LOCK)})`.execute(transaction);
    await transaction
      .insertInto("workspaces")
      .values({ slug: DEFAULT_WORKSPACE, name: "Default" })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const first = await transaction.selectFrom("tokens").select("prefix").limit(1).executeTakeFirst();
    if (first !== undefined) {
      await warnAboutUnknownKey(transaction, options.apiKey, log);
      return;
    }
    const token = options.apiKey ?? mintToken();
    if (options.apiKey === undefined) {
      if (options.file === undefined) {
        throw new Error(
          "there is no API token yet: set PANDASTACK_API_KEY, or PANDASTACK_BOOTSTRAP_FILE for a minted one to be written to",
        );
      }
      writeFileAtomic(options.file, `${JSON.stringify({ token })}\n`);
    }
    await insertToken(transaction, token, { workspace: DEFAULT_WORKSPACE, role: "admin", label: "first" });
    log.info(
      { prefix: tokenPrefix(token), file: options.apiKey === undefined ? options.file : undefined },
      "the first admin token was made",
    );
  });
}

/** `PANDASTACK_API_KEY` counts at the first start only; whoever changes it later should not have to guess why it is refused. */
async function warnAboutUnknownKey(db: Database, apiKey: string | undefined, log: Logger): Promise<void> {
  if (apiKey === undefined) return;
  const row = await db.selectFrom("tokens").select("hash").where("prefix", "=", tokenPrefix(apiKey)).executeTakeFirst();
  if (row === undefined || !isSameHash(row.hash, hashToken(apiKey))) {
    log.warn(
      "PANDASTACK_API_KEY is not a token of this server: it is used at the first start only, and this is not the first",
    );
  }
}
