import type { FastifyRequest } from "fastify";
import type { Operation, OperationName } from "@pandastack/contracts";
import { toErrorResponse } from "@pandastack/platform";
import type { AuditLog } from "../accounts/audit.ts";

type Named = Readonly<Record<string, unknown>>;

/** Looking is not recorded; being refused for one's role is, whatever it was. */
function isRecorded(operation: Operation, code: string | null): boolean {
  return (operation.role !== "read" && operation.role !== "public") || code === "auth.forbidden";
}

/** What an operation was done to, or what it made. */
function targetOf(params: Named, body: unknown): string | null {
  const made = (typeof body === "object" && body !== null ? body : {}) as Named;
  for (const name of [params["id"], params["prefix"], made["id"], made["prefix"], made["slug"], params["slug"]])
    if (typeof name === "string") return name;
  return null;
}

/** Writes down who did what, where that is more than looking. `outcome`: the answer, or what was thrown. */
export function recordCall(
  audit: AuditLog,
  operation: Operation & { readonly name: OperationName },
  request: FastifyRequest,
  outcome: { readonly status: number; readonly body?: unknown } | { readonly error: unknown },
): void {
  const { principal } = request;
  if (principal === undefined) return;
  const failure = "error" in outcome ? toErrorResponse(outcome.error) : undefined;
  const code = failure?.body.code ?? null;
  if (!isRecorded(operation, code)) return;
  const params = request.params as Named;
  audit.record({
    actor: principal.tokenPrefix,
    role: principal.role,
    workspace: typeof params["slug"] === "string" ? params["slug"] : principal.workspace,
    operation: operation.name,
    method: request.method,
    path: request.url.split("?")[0] ?? "",
    target: targetOf(params, "body" in outcome ? outcome.body : undefined),
    requestId: request.id,
    status: failure?.status ?? (outcome as { status: number }).status,
    code,
  });
}
