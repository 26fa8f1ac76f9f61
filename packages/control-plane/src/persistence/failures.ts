import pg from "pg";
import { Fault } from "@pandastack/platform";

/** SQLSTATE classes that say nothing about the statement: connection, resources, operator intervention, system, and lost races. */
const RETRYABLE_CLASSES = new Set(["08", "25", "40", "53", "55", "57", "58"]);

/**
 * What the driver throws, told apart: the database is away (a fault, the caller may retry), or the statement is wrong or
 * met a constraint (left as it is: a bug, or something that the caller of the statement expects).
 */
export function toDatabaseFailure(error: unknown): unknown {
  if (error instanceof Fault) return error;
  // Only what the server itself has said has an SQLSTATE; everything else is a connection's trouble.
  if (error instanceof pg.DatabaseError && !RETRYABLE_CLASSES.has((error.code ?? "").slice(0, 2))) return error;
  return new Fault("internal.database", "the database is not available at the moment; try again", {
    operatorMessage: `database: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  });
}

/** Whether a statement failed because a unique constraint already holds such a row. */
export function isUniqueViolation(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "23505";
}
