import type { z } from "zod";
import { Refusal } from "@pandastack/platform";

/** The parsed value, or a refusal that names the first field that is wrong and lists all of them. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, where: "path" | "query" | "body"): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.flatMap(sharpened).map((issue) => ({
    field: fieldOf(issue.path, where),
    message: lowerFirst(issue.message),
  }));
  const first = issues[0] ?? { field: where, message: "is not valid" };
  throw new Refusal("validation.failed", `${first.field}: ${first.message}`, {
    details: { field: first.field, issues },
  });
}

/**
 * A value that fits no form of several is measured by the one whose type it has, if there is one: "allow.3" says more than
 * "invalid input". A key that nobody knows is the field that is wrong.
 */
function sharpened(issue: z.core.$ZodIssue): Pick<z.core.$ZodIssue, "path" | "message">[] {
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: "there is no such field" }));
  if (issue.code !== "invalid_union") return [issue];
  const isOther = (form: z.core.$ZodIssue[]): boolean =>
    form.some(({ path, code }) => path.length === 0 && (code === "invalid_type" || code === "invalid_value"));
  const fitting = issue.errors.filter((form) => !isOther(form));
  if (fitting.length !== 1) return [issue];
  return fitting[0]!.flatMap(sharpened).map(({ path, message }) => ({ path: [...issue.path, ...path], message }));
}

function fieldOf(path: readonly PropertyKey[], where: string): string {
  return path.length === 0 ? where : path.map(String).join(".");
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);
