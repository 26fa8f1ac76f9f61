import type { z } from "zod";
import { Refusal } from "@pandastack/platform";

/** The parsed value, or a refusal that names the first field that is wrong and lists all of them. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, where: "path" | "query" | "body"): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({
    field: fieldOf(issue.path, where),
    message: lowerFirst(issue.message),
  }));
  const first = issues[0] ?? { field: where, message: "is not valid" };
  throw new Refusal("validation.failed", `${first.field}: ${first.message}`, {
    details: { field: first.field, issues },
  });
}

function fieldOf(path: readonly PropertyKey[], where: string): string {
  return path.length === 0 ? where : path.map(String).join(".");
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);
