import { createHash, randomBytes } from "node:crypto";
import { Fault } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";

const NAME = "preview";
const SECRET_BYTES = 32;

/** What preview links are signed with: the same in every control plane of a database, and after every restart. */
export class PreviewSecret {
  #secret: Buffer | undefined;

  /** `given` is the operator's own; without one a random secret is made once and kept in the database. */
  constructor(given: string | undefined) {
    if (given !== undefined) this.#secret = createHash("sha256").update(`preview secret\0${given}`).digest();
  }

  async load(db: Database): Promise<void> {
    if (this.#secret !== undefined) return;
    await db
      .insertInto("secrets")
      .values({ name: NAME, value: randomBytes(SECRET_BYTES) })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const row = await db.selectFrom("secrets").select("value").where("name", "=", NAME).executeTakeFirstOrThrow();
    this.#secret = row.value;
  }

  get value(): Buffer {
    if (this.#secret === undefined)
      throw new Fault("internal.database", "the server is starting; try again in a moment");
    return this.#secret;
  }
}
