/** What every failure of this SDK is. Branch on `code`: codes are never renamed; texts may change. */
export class PandaStackError extends Error {
  override readonly name: string = "PandaStackError";
  /** `sandbox.not_found`, `sandbox.invalid_state`, … or `client.*` for what never reached the server. */
  readonly code: string;
  /** HTTP status; undefined where there was no answer. */
  readonly status: number | undefined;
  /** What to quote to the operator of the server. */
  readonly requestId: string | undefined;
  /** The same request may succeed later. */
  readonly retryable: boolean;
  readonly details: unknown;
  /** From `Retry-After`. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code ?? "client.error";
    this.status = facts.status;
    this.requestId = facts.requestId;
    this.retryable = facts.retryable ?? false;
    this.details = facts.details;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

export interface ErrorFacts {
  code?: string | undefined;
  status?: number | undefined;
  requestId?: string | undefined;
  retryable?: boolean | undefined;
  details?: unknown;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** No token, a revoked one, or one that may not do this. */
export class AuthError extends PandaStackError {
  override readonly name = "AuthError";
}
/** No such sandbox, snapshot, file … or it belongs to someone else: the server says the same for both. */
export class NotFoundError extends PandaStackError {
  override readonly name = "NotFoundError";
}
/** Not possible in the present state, such as a command in a paused sandbox. */
export class ConflictError extends PandaStackError {
  override readonly name = "ConflictError";
}
/** The command, or the request as a whole, took longer than its `timeoutMs`. */
export class TimeoutError extends PandaStackError {
  override readonly name: string = "TimeoutError";
}
/** The server could not be reached, or the connection broke before its answer ended. */
export class ConnectionError extends PandaStackError {
  override readonly name = "ConnectionError";
}
/** A command ended with another exit code than 0 and `check` was asked for. */
export class CommandError extends PandaStackError {
  override readonly name = "CommandError";
  readonly result: { exitCode: number; stdout: string; stderr: string };
  constructor(command: string, result: { exitCode: number; stdout: string; stderr: string }) {
    super(`command exited with code ${result.exitCode}: ${command}`, { code: "client.command_failed" });
    this.result = result;
  }
}

/** The error that an answer other than 2xx stands for. */
export async function errorOfResponse(response: Response): Promise<PandaStackError> {
  const text = await response.text().catch(() => "");
  const body = parseBody(text);
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  const facts: ErrorFacts = {
    code: typeof body["code"] === "string" ? body["code"] : `http.${response.status}`,
    status: response.status,
    requestId:
      typeof body["request_id"] === "string" ? body["request_id"] : (response.headers.get("x-request-id") ?? undefined),
    retryable:
      typeof body["retryable"] === "boolean" ? body["retryable"] : response.status === 429 || response.status === 503,
    details: body["details"],
    retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined,
  };
  const message =
    typeof body["error"] === "string" ? body["error"] : text.slice(0, 500) || `the server answered ${response.status}`;
  return new (classOf(response.status, facts.code))(message, facts);
}

export function classOf(status: number | undefined, code: string | undefined): typeof PandaStackError {
  if (code === "exec.timeout" || status === 504) return TimeoutError;
  if (status === 401 || (status === 403 && code?.startsWith("auth."))) return AuthError;
  if (status === 404) return NotFoundError;
  if (status === 409) return ConflictError;
  return PandaStackError;
}

function parseBody(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
