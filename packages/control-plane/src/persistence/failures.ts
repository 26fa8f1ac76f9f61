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
  if (isDiskFull(error)) {
    return new Fault(
      "internal.database_full",
      "the disk of the server's database is full: nothing was changed; try again once its operator has made room",
      { operatorMessage: `database: ${(error as Error).message}`, cause: error },
    );
  }
  return new Fault("internal.database", "the database is not available at the moment; try again", {
    operatorMessage: `database: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  });
}

/** SQLSTATE disk_full: only the statement failed, what is read is there. */
const isDiskFull = (error: unknown): boolean => error instanceof pg.DatabaseError && error.code === "53100";

/** Whether a statement failed because a unique constraint already holds such a row. */
export function isUniqueViolation(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "23505";
}
