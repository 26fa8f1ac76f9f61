import { z } from "zod";
import { errorRegistry, type ErrorCode } from "../errors.ts";
import { step } from "../lifecycle.ts";
import { operations, type Operation, type Reply } from "../operations/index.ts";
import { ErrorReply } from "../shapes/failures.ts";
import { SchemaPrinter } from "./schemas.ts";

/** What any operation may answer, whatever it does. */
const EVERYWHERE: readonly ErrorCode[] = ["validation.failed", "internal.error", "internal.database"];
const WITH_TOKEN: readonly ErrorCode[] = [
  "auth.missing_token",
  "auth.invalid_token",
  "auth.token_revoked",
  "auth.forbidden",
];

/** The OpenAPI 3.1 document of the whole registry. */
export function openApiDocument(version: string): Record<string, unknown> {
  const printer = new SchemaPrinter();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, operation] of Object.entries(operations) as [string, Operation][]) {
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = printOperation(name, operation, printer);
  }
  printer.print(ErrorReply);
  return {
    openapi: "3.1.0",
    info: {
      title: "PandaStack",
      version,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      description: "Self-hosted cloud of microVMs. Errors everywhere are `{error, code, retryable, request_id}`.",
    },
    security: [{ token: [] }],
    tags: [...new Set(Object.values(operations).map((operation) => operation.tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "A token `pds_…`. WebSockets and EventSources may send it as `?access_token=`.",
        },
      },
      schemas: Object.fromEntries(Object.entries(printer.components).sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

function printOperation(name: string, operation: Operation, printer: SchemaPrinter): Record<string, unknown> {
  const notes = [operation.description, describeEffect(operation)].filter((note) => note !== undefined);
  return {
    operationId: name,
    tags: [operation.tag],
    summary: operation.summary,
    ...(notes.length > 0 ? { description: notes.join("\n\n") } : {}),
    ...(operation.role === "public" ? { security: [] } : {}),
    "x-pandastack-role": operation.role,
    "x-pandastack-activity": operation.isActivity,
    ...(operation.idempotent ? { "x-pandastack-idempotent": true } : {}),
    parameters: [
      ...printParameters("path", operation.params, printer),
      ...printParameters("query", operation.query, printer),
      ...(operation.idempotent
        ? [
            {
              name: "Idempotency-Key",
              in: "header",
              required: false,
              schema: { type: "string", maxLength: 255 },
              description: "The same key and body again get the same answer, and nothing is done twice.",
            },
          ]
        : []),
    ],
    ...printBody(operation, printer),
    responses: printReplies(operation, printer),
  };
}

function describeEffect(operation: Operation): string | undefined {
  if (operation.verb === null) return undefined;
  const wakes = step("hibernated", operation.verb).kind === "wake-first";
  return `${wakes ? "Wakes a hibernated sandbox." : "Does not wake a hibernated sandbox."} ${operation.isActivity ? "Counts as activity." : "Does not count as activity."}`;
}

function printParameters(where: "path" | "query", schema: z.ZodObject, printer: SchemaPrinter): unknown[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const { description, ...printed } = printer.print(field as z.ZodType);
    return {
      name,
      in: where,
      required: where === "path" || !(field as z.ZodType).safeParse(undefined).success,
      ...(description === undefined ? {} : { description }),
      schema: printed,
    };
  });
}

function printBody(operation: Operation, printer: SchemaPrinter): Record<string, unknown> {
  if (operation.body === null) return {};
  if (operation.body === "bytes") {
    return {
      requestBody: {
        required: true,
        content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
      },
    };
  }
  const isOptional = operation.body instanceof z.ZodOptional;
  const schema = operation.body instanceof z.ZodOptional ? (operation.body.unwrap() as z.ZodType) : operation.body;
  return { requestBody: { required: !isOptional, content: { "application/json": { schema: printer.print(schema) } } } };
}

function printReplies(operation: Operation, printer: SchemaPrinter): Record<string, unknown> {
  const replies: Record<string, unknown> = {};
  for (const [status, reply] of Object.entries(operation.replies)) replies[status] = printReply(reply, printer);
  const codes = [...operation.errors, ...EVERYWHERE, ...(operation.role === "public" ? [] : WITH_TOKEN)];
  const byStatus = Map.groupBy(new Set(codes), (code) => errorRegistry[code].status);
  for (const [status, group] of [...byStatus].sort(([a], [b]) => a - b)) {
    replies[status] ??= {
      description: group.map((code) => `\`${code}\``).join(", "),
      content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
    };
  }
  return replies;
}

function printReply(reply: Reply, printer: SchemaPrinter): Record<string, unknown> {
  switch (reply.kind) {
    case "json":
      return {
        description: reply.description,
        content: {
          ...(reply.orStream === undefined ? {} : { [reply.orStream]: { schema: { type: "string" } } }),
          "application/json": { schema: printer.print(reply.schema) },
        },
      };
    case "stream":
      return {
        description: reply.description,
        content: Object.fromEntries(
          reply.mediaTypes.map((type) => [
            type,
            { schema: type === "application/octet-stream" ? { type: "string", format: "binary" } : { type: "string" } },
          ]),
        ),
      };
    case "empty":
    case "socket":
      return { description: reply.description };
  }
}
