import type { FastifyReply, FastifyRequest } from "fastify";
import type { ErrorCode } from "@pandastack/contracts";
import { Fault, Refusal, toErrorResponse } from "@pandastack/platform";

/** Texts that make the published client repeat a command for 20 s: from here they would only ever be quotations. */
const RETRY_TRIGGERS = /connect: connection refused|no route to host|i\/o timeout/gi;

const AWAY: ReadonlySet<string> = new Set<ErrorCode>([
  "internal.database",
  "internal.database_full",
  "host.unavailable",
]);

/** The one place where something thrown becomes an answer. Logs what the caller is not told. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const known = fromFramework(error);
  const { status, body } = toErrorResponse(known, request.id);
  body.error = body.error.replace(RETRY_TRIGGERS, (text) => text.replaceAll(" ", "-"));
  if (known instanceof Fault && AWAY.has(known.code)) {
    // Said once when it goes away and once when it is back, by whoever watches it; not with a stack for every request.
    request.log.debug({ requestId: request.id, fault: known.operatorMessage }, "request failed");
  } else if (status >= 500 && !(known instanceof Refusal)) {
    request.log.error(
      { err: known, requestId: request.id, ...(known instanceof Fault ? { fault: known.operatorMessage } : {}) },
      "request failed",
    );
  }
  if (known instanceof Refusal && known.retryAfterSeconds !== undefined)
    reply.header("retry-after", String(known.retryAfterSeconds));
  else if (status === 503 || status === 429) reply.header("retry-after", "1");
  void reply.code(status).header("content-type", "application/json; charset=utf-8").send(JSON.stringify(body));
}

/** Fastify's own errors carry a status; those of the caller's making are refusals. An aborted call's caller is gone, or we are stopping. */
function fromFramework(error: unknown): unknown {
  if (error instanceof Error && error.name === "AbortError")
    return new Fault("host.unavailable", "the server is stopping; try again", { cause: error });
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (error instanceof Refusal || error instanceof Fault || typeof status !== "number" || status < 400 || status >= 500)
    return error;
  return new Refusal("validation.failed", error instanceof Error ? error.message : "the request cannot be understood");
}
