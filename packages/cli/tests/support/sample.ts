import { z } from "zod";

type Node = Readonly<Record<string, unknown>>;

/** A value that has a reply's shape: each field there, lists empty, of choices null or the first. */
export function sampleOf(schema: z.ZodType): unknown {
  const root = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" }) as Node;
  return sample(root, root);
}

function sample(node: Node, root: Node): unknown {
  if (typeof node["$ref"] === "string") return sample(resolve(node["$ref"], root), root);
  if ("const" in node) return node["const"];
  if (Array.isArray(node["enum"])) return node["enum"][0];
  for (const key of ["anyOf", "oneOf", "allOf"] as const)
    if (Array.isArray(node[key])) return sampleOfOne(node[key] as Node[], root);
  switch (node["type"]) {
    case "string":
      return node["format"] === "date-time" ? "2026-01-01T00:00:00.000Z" : "text";
    case "boolean":
      return false;
    case "number":
    case "integer":
      return Math.max(0, Number(node["minimum"] ?? 0));
    case "array":
      return [];
    case "object":
      return Object.fromEntries(
        Object.entries((node["properties"] ?? {}) as Record<string, Node>).map(([name, each]) => [
          name,
          sample(each, root),
        ]),
      );
    default:
      return null;
  }
}

const sampleOfOne = (choices: readonly Node[], root: Node): unknown =>
  choices.some((choice) => choice["type"] === "null") ? null : sample(choices[0] ?? {}, root);

function resolve(reference: string, root: Node): Node {
  const parts = reference.replace(/^#\/?/, "").split("/");
  return parts.filter((part) => part !== "").reduce<Node>((node, part) => node[part] as Node, root);
}
