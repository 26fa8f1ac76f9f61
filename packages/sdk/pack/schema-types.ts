type Schema = Readonly<Record<string, unknown>>;

/** A JSON Schema, as zod prints it, as a TypeScript type. */
export function typeOf(schema: unknown, root: Schema): string {
  if (typeof schema !== "object" || schema === null) return "unknown";
  const node = schema as Schema;
  if (typeof node["$ref"] === "string") return typeOf(resolve(node["$ref"], root), root);
  if ("const" in node) return JSON.stringify(node["const"]);
  if (Array.isArray(node["enum"])) return unionOf(node["enum"].map((value) => JSON.stringify(value)));
  for (const key of ["anyOf", "oneOf"] as const) {
    const choices = node[key];
    if (Array.isArray(choices)) return unionOf(choices.map((choice) => typeOf(choice, root)));
  }
  if (Array.isArray(node["allOf"])) return node["allOf"].map((part) => typeOf(part, root)).join(" & ");
  const { type } = node;
  if (Array.isArray(type)) return unionOf(type.map((each: unknown) => typeOf({ ...node, type: each }, root)));
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "number":
    case "integer":
      return "number";
    case "array":
      return `Array<${typeOf(node["items"], root)}>`;
    case "object":
      return objectType(node, root);
    default:
      return "unknown";
  }
}

function objectType(node: Schema, root: Schema): string {
  const required = new Set((node["required"] ?? []) as string[]);
  const properties = Object.entries((node["properties"] ?? {}) as Record<string, Schema>);
  const lines = properties.map(([name, property]) => {
    const said = property["description"];
    const text = typeof said === "string" ? `/** ${said.replaceAll("*/", "* /")} */ ` : "";
    return `${text}${JSON.stringify(name)}${required.has(name) ? "" : "?"}: ${typeOf(property, root)};`;
  });
  const rest = node["additionalProperties"];
  if (lines.length === 0)
    return `Record<string, ${rest === undefined || rest === false ? "unknown" : typeOf(rest, root)}>`;
  return `{ ${lines.join(" ")} }`;
}

function unionOf(types: readonly string[]): string {
  return [...new Set(types)].map((type) => (type.includes("&") ? `(${type})` : type)).join(" | ");
}

function resolve(reference: string, root: Schema): unknown {
  if (reference === "#") return root;
  return reference
    .replace(/^#\//, "")
    .split("/")
    .reduce<unknown>((node, key) => (node as Schema | undefined)?.[key], root);
}
