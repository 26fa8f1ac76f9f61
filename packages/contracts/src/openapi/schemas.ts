import { z } from "zod";

type JsonSchema = Record<string, unknown>;

/** Collects the named schemas that a document refers to while others are printed. */
export class SchemaPrinter {
  readonly components: Record<string, JsonSchema> = {};

  /** The schema as JSON Schema 2020-12, which is OpenAPI 3.1's; named parts become references. */
  print(schema: z.ZodType): JsonSchema {
    const printed = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
    const { $schema: _, $defs, ...root } = printed;
    for (const [name, definition] of Object.entries(($defs ?? {}) as Record<string, JsonSchema>)) {
      this.components[name] ??= tidy(definition) as JsonSchema;
    }
    const id = schema.meta()?.id;
    if (id === undefined) return tidy(root) as JsonSchema;
    this.components[id] ??= tidy(root) as JsonSchema;
    return { $ref: `#/components/schemas/${id}` };
  }
}

const BIGGEST = Number.MAX_SAFE_INTEGER;

/** References point at the document's components; bounds that only say "a JavaScript integer" are left out. */
function tidy(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(tidy);
  if (typeof node !== "object" || node === null) return node;
  const out: JsonSchema = {};
  for (const [key, value] of Object.entries(node)) {
    if (key === "id" && typeof value === "string" && "type" in node) continue;
    if (key === "$ref" && typeof value === "string") out[key] = value.replace("#/$defs/", "#/components/schemas/");
    else if ((key === "minimum" && value === -BIGGEST) || (key === "maximum" && value === BIGGEST)) continue;
    else if (key === "properties" && typeof value === "object" && value !== null) {
      out[key] = Object.fromEntries(Object.entries(value).map(([name, property]) => [name, tidy(property)]));
    } else out[key] = tidy(value);
  }
  return out;
}
