import { Fault } from "@pandastack/platform";

/** SQLSTATE classes that say nothing about the statement: connection, resources, operator intervention, system, and lost races. */
const RETRYABLE_CLASSES = new Set(["08", "25", "40", "53", "55", "57", "58"]);

/**
 * What the driver throws, told apart: the database is away (a fault, the caller may retry), or the statement is wrong or
 * met a constraint (left as it is: a bug, or something that the caller of the statement expects).
 */
export function toDatabaseFailure(error: unknown): unknown {
  if (error instanceof Fault) return error;
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !RETRYABLE_CLASSES.has(code.slice(0, 2))) return error;
  return new Fault("internal.database", "the database is not available at the moment; try again", {
    operatorMessage: `database: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  });
}

/** Whether a statement failed because a unique constraint already holds such a row. */
export function isUniqueViolation(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "23505";
}
