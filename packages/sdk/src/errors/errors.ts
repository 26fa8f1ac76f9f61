import type { ErrorCode } from "@pandastack/contracts";
import { type ClientErrorCode, hintFor } from "./hints.ts";

/** A code of the server's registry, of this client, or one that a newer server has and this client does not know. */
export type PandaStackErrorCode = ErrorCode | ClientErrorCode | (string & {});

/** What is known of a failure beside its text. */
export interface ErrorFacts {
  code?: PandaStackErrorCode | undefined;
  status?: number | undefined;
  requestId?: string | undefined;
  retryable?: boolean | undefined;
  hint?: string | undefined;
  details?: unknown;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** What every failure of this SDK is. Branch on `code`, or on the class: codes are never renamed; texts may change. */
export class PandaStackError extends Error {
  override readonly name: string = "PandaStackError";
  /** `sandbox.not_found`, `sandbox.invalid_state`, … or `client.*` for what never reached the server. */
  readonly code: PandaStackErrorCode;
  /** HTTP status; undefined where there was no answer. */
  readonly status: number | undefined;
  /** What to quote to the operator of the server. */
  readonly requestId: string | undefined;
  /** The same request may succeed later. */
  readonly retryable: boolean;
  /** What to do about it, where that is known. */
  readonly hint: string | undefined;
  /** More facts, by code; `{ field }` of what was wrong with a request. */
  readonly details: unknown;
  /** How long to wait before asking again, as the server said in `Retry-After`. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code ?? "client.error";
    this.status = facts.status;
    this.requestId = facts.requestId;
    this.retryable = facts.retryable ?? false;
    this.hint = facts.hint ?? hintFor(this.code);
    this.details = facts.details;
    this.retryAfterMs = facts.retryAfterMs;
  }
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
/** Something about the request was wrong; `details.field` says what, where it was a field. */
export class InvalidRequestError extends PandaStackError {
  override readonly name = "InvalidRequestError";
}
/** More than the server or the workspace can take: memory, disk, sandboxes. `retryable` says whether waiting helps. */
export class CapacityError extends PandaStackError {
  override readonly name = "CapacityError";
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
    const said = result.stderr.trim().split("\n").slice(-5).join("\n");
    super(`command exited with code ${result.exitCode}: ${command}${said === "" ? "" : `\n${said}`}`, {
      code: "client.command_failed",
    });
    this.result = result;
  }
}

type ErrorClass = new (message: string, facts?: ErrorFacts) => PandaStackError;

/** The class that a code belongs to; the status speaks where the code says nothing. */
export function classOf(status: number | undefined, code: string = ""): ErrorClass {
  if (code === "exec.timeout" || code === "client.timeout" || status === 504) return TimeoutError;
  if (code.startsWith("auth.") || status === 401) return AuthError;
  if (/^(capacity|quota)\./.test(code) || status === 507) return CapacityError;
  if (code.endsWith(".not_found") && (status === undefined || status === 404)) return NotFoundError;
  if (code === "client.connection") return ConnectionError;
  if (status === 404) return NotFoundError;
  if (status === 409) return ConflictError;
  if (status === 400 || status === 413) return InvalidRequestError;
  return PandaStackError;
}

/** An error body, wherever it came: in an answer, in a frame of a stream, in a message of a socket. */
export function errorOfBody(body: unknown, facts: ErrorFacts & { text?: string } = {}): PandaStackError {
  const { text: fallback, ...given } = facts;
  const fields = Object(body) as Record<string, unknown>;
  const text = (name: string) => (typeof fields[name] === "string" ? fields[name] : undefined);
  const { status } = given;
  const code = text("code") ?? given.code ?? (status === undefined ? "client.error" : `http.${status}`);
  const isBusy = status === 429 || status === 503;
  return new (classOf(status, code))(text("error") ?? fallback ?? "the server failed without saying why", {
    ...given,
    code,
    requestId: text("request_id") ?? given.requestId,
    retryable: typeof fields["retryable"] === "boolean" ? fields["retryable"] : isBusy,
    hint: text("hint"),
    details: fields["details"],
  });
}

/** The error that an answer other than 2xx stands for. */
export async function errorOfResponse(response: Response): Promise<PandaStackError> {
  const text = await response.text().catch(() => "");
  const retryAfter = response.headers.get("retry-after");
  return errorOfBody(parseJson(text), {
    status: response.status,
    requestId: response.headers.get("x-request-id") ?? undefined,
    retryAfterMs: retryAfter === null ? undefined : parseRetryAfter(retryAfter),
    text: text.slice(0, 500) || `the server answered ${response.status}`,
  });
}

/** Seconds or a date, as milliseconds from now. */
export function parseRetryAfter(text: string, nowMs: number = Date.now()): number | undefined {
  const seconds = Number(text);
  if (text.trim() !== "" && Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
