import { errorRegistry, type ErrorCode } from "@pandastack/contracts";
import { Fault, Refusal } from "@pandastack/platform";

const AWAY = "the host that runs the sandboxes is not available at the moment; try again";

/** Errors of a connection that could not be made: nothing has been sent. EAGAIN: more at once than the socket's queue holds. */
const UNSENT = new Set(["ECONNREFUSED", "ENOENT", "EACCES", "EAGAIN", "UND_ERR_CONNECT_TIMEOUT"]);
/** Errors of one that was lost: the host may or may not have acted. */
const LOST = new Set([
  "ECONNRESET",
  "EPIPE",
  "UND_ERR_SOCKET",
  "UND_ERR_CLOSED",
  "UND_ERR_DESTROYED",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]);

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

export const isUnsent = (error: unknown): boolean => UNSENT.has(codeOf(error) ?? "");
export const isLost = (error: unknown): boolean => LOST.has(codeOf(error) ?? "");

/** A failed connection as what the caller may know of it. Anything else passes. */
export function toHostFailure(error: unknown, text: string = AWAY): unknown {
  if (!isUnsent(error) && !isLost(error)) return error;
  return new Fault("host.unavailable", text, {
    operatorMessage: `host agent: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  });
}

/** An error that the host agent answered with. Its texts are written for callers; what is not of the registry is not shown. */
export function fromHostReply(status: number, body: string, retryAfter: string | undefined): Refusal | Fault {
  let parsed: { error?: unknown; code?: unknown; details?: unknown } = {};
  try {
    parsed = JSON.parse(body) as typeof parsed;
  } catch {
    // Falls through to the fault below, which keeps the text.
  }
  const code = parsed.code;
  if (typeof code !== "string" || typeof parsed.error !== "string" || !Object.hasOwn(errorRegistry, code)) {
    return new Fault("internal.error", "internal error", {
      operatorMessage: `the host agent answered ${status}: ${body.slice(0, 500)}`,
    });
  }
  if (errorRegistry[code as ErrorCode].status >= 500 && code.startsWith("internal.")) {
    return new Fault(code as ErrorCode, "internal error", {
      operatorMessage: `the host agent answered ${status}: ${parsed.error}`,
    });
  }
  const seconds = Number(retryAfter);
  return new Refusal(code as ErrorCode, parsed.error, {
    ...(parsed.details === undefined ? {} : { details: parsed.details }),
    ...(retryAfter !== undefined && Number.isFinite(seconds) ? { retryAfterSeconds: seconds } : {}),
  });
}

/**
 * The host has done something under this operation's id that was another command: what a repeated request means may have changed
 * since its first time. A refusal that says that something is there, and not that nothing is.
 */
export const isAnother = (error: unknown): boolean =>
  error instanceof Refusal && error.code === "host.operation_conflict";
